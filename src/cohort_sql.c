/*
 * cohort_sql.c
 *	  SQL functions that look into a cohort (events, stays, describe) or narrow
 *	  and rewrite it (entered, reached, only, as_of, relabel, ...).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "args.h"
#include "cohort_value.h"
#include "compat.h"
#include "interrupts.h"
#include "rows.h"
#include "samples.h"
#include "stays.h"

PG_FUNCTION_INFO_V1(funnel_events);
PG_FUNCTION_INFO_V1(funnel_stays);
PG_FUNCTION_INFO_V1(funnel_describe);
PG_FUNCTION_INFO_V1(funnel_entered);
PG_FUNCTION_INFO_V1(funnel_reached);
PG_FUNCTION_INFO_V1(funnel_never_reached);
PG_FUNCTION_INFO_V1(funnel_active);
PG_FUNCTION_INFO_V1(funnel_only);
PG_FUNCTION_INFO_V1(funnel_without);
PG_FUNCTION_INFO_V1(funnel_as_of);
PG_FUNCTION_INFO_V1(funnel_relabel);
PG_FUNCTION_INFO_V1(funnel_in_order);
PG_FUNCTION_INFO_V1(funnel_deduplicate);

Datum
funnel_events(PG_FUNCTION_ARGS)
{
	LeadStream *stream;
	MemoryContext rows;
	Datum	   *labels;
	Datum		stage_kind,
				touch_kind;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	labels = label_datums(stream);
	stage_kind = CStringGetTextDatum("stage");
	touch_kind = CStringGetTextDatum("touch");
	rows = row_context();
	while (lead_stream_next(stream))
	{
		Lead	   *lead = &stream->lead;
		MemoryContext old = MemoryContextSwitchTo(rows);
		Datum		key = key_text_datum(&lead->key);

		for (int64 i = 0; i < lead->n; i++)
		{
			Datum		values[6] = {0};
			bool		nulls[6] = {false, false, false, false, true, true};

			values[0] = key;
			values[1] = lead->label[i] < stream->nstages ? stage_kind : touch_kind;
			values[2] = labels[lead->label[i]];
			values[3] = TimestampTzGetDatum(lead->at[i]);
			if (lead->rich && lead->amount[i].kind != AMOUNT_NONE)
			{
				values[4] = amount_numeric(&lead->amount[i]);
				nulls[4] = false;
			}
			if (lead->rich && lead->ref[i].kclass != KEY_NONE)
			{
				values[5] = key_text_datum(&lead->ref[i]);
				nulls[5] = false;
			}
			put_row(fcinfo, values, nulls);
			if (i % 1024 == 1023)
				CHECK_FOR_INTERRUPTS();
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
	}
	PG_RETURN_NULL();
}

Datum
funnel_stays(PG_FUNCTION_ARGS)
{
	LeadStream *stream;
	Period		period;
	int64		as_of;
	Stays		stays;
	MemoryContext rows;
	Datum	   *labels;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	period = arg_period(fcinfo, 1);
	as_of = arg_as_of(fcinfo, 2);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	labels = label_datums(stream);
	stays_init(&stays, CurrentMemoryContext);
	rows = row_context();
	while (lead_stream_next(stream))
	{
		Lead	   *lead = &stream->lead;
		MemoryContext old;
		Datum		key;

		stays_build(&stays, lead, lead_count_before(lead, as_of), stream->nstages);
		if (stays.n == 0)
			continue;
		old = MemoryContextSwitchTo(rows);
		key = key_text_datum(&lead->key);
		for (int64 i = 0; i < stays.n; i++)
		{
			const Stay *stay = &stays.stays[i];
			bool		open = (i == stays.n - 1);
			Datum		values[9] = {0};
			bool		nulls[9] = {false};
			Amount		amount;
			double		days;

			if (!in_period(&period, stay->entered_at))
				continue;
			values[0] = key;
			values[1] = labels[stay->stage];
			nulls[2] = !lead->rich || lead->ref[stay->first].kclass == KEY_NONE;
			if (!nulls[2])
				values[2] = key_text_datum(&lead->ref[stay->first]);
			values[3] = TimestampTzGetDatum(stay->entered_at);
			nulls[4] = nulls[5] = open;
			if (!open)
			{
				values[4] = TimestampTzGetDatum(stay[1].entered_at);
				values[5] = labels[stay[1].stage];
				days = days_between(stay->entered_at, stay[1].entered_at);
			}
			else
				days = days_between(stay->entered_at, as_of);
			values[6] = Float8GetDatum(days);
			values[7] = BoolGetDatum(open);
			nulls[8] = !last_amount(lead, stay->first, stay->last, stream->nstages,
									&amount);
			if (!nulls[8])
				values[8] = amount_numeric(&amount);
			put_row(fcinfo, values, nulls);
			if (i % 1024 == 1023)
				CHECK_FOR_INTERRUPTS();
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
	}
	PG_RETURN_NULL();
}

static Datum
label_array(const LeadStream *stream, uint32 first, uint32 last)
{
	Datum	   *elements = palloc_extended(((Size) (last - first) + 1) * sizeof(Datum),
										   MCXT_ALLOC_HUGE);

	FOR_INTERRUPTIBLE(i, last - first)
		elements[i] = label_datum(&stream->labels[first + i]);
	return PointerGetDatum(construct_array(elements, (int) (last - first), TEXTOID,
										   -1, false, TYPALIGN_INT));
}

Datum
funnel_describe(PG_FUNCTION_ARGS)
{
	Cohort	   *cohort;
	LeadStream *stream;
	FlatCohort	flat;
	Datum		values[8] = {0};
	bool		nulls[8] = {false};
	int64		leads = 0;
	struct varlena *value;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	/* the header of the stored form tells all of it */
	cohort = cohort_getarg(fcinfo, 0);
	if (cohort->npieces == 1 && cohort->buffer == NULL)
		flat = cohort->pieces[0];
	else
	{
		value = cohort_flatten(cohort, CurrentMemoryContext);
		flat_cohort_open(&flat, VARDATA(value), VARSIZE(value) - VARHDRSZ);
		cohort = palloc(sizeof(Cohort));
		cohort_init(cohort, CurrentMemoryContext);
		cohort_add_value(cohort, value);
	}
	stream = lead_stream_open(cohort, CurrentMemoryContext);
	for (int c = 0; c < KEY_CLASSES; c++)
		leads += flat.nleads[c];
	values[0] = Int64GetDatum(leads);
	values[1] = Int64GetDatum(flat.stats.events);
	values[2] = label_array(stream, 0, stream->nstages);
	values[3] = label_array(stream, stream->nstages, stream->nlabels);
	nulls[4] = nulls[5] = (flat.stats.events == 0);
	values[4] = TimestampTzGetDatum(flat.stats.first_at);
	values[5] = TimestampTzGetDatum(flat.stats.last_at);
	values[6] = Int64GetDatum(flat.ignored);
	values[7] = Int64GetDatum((int64) (flat.size + VARHDRSZ));
	put_row(fcinfo, values, nulls);
	PG_RETURN_NULL();
}

/* ------------------------------------------------------------------------
 * Filters: cohort in, cohort out
 * ------------------------------------------------------------------------
 */

typedef struct FilterArg
{
	const LeadStream *stream;
	uint32		stage;			/* code, or nlabels if it does not occur */
	Period		period;
	int64		as_of;
	bool		negate;
	bool	   *keep;			/* by label */
	uint32	   *map;			/* by label: code among the new labels */
	bool		resort;			/* does the map change the order? */
} FilterArg;

static Datum
filtered(LeadStream *stream, LeadFilter filter, FilterArg *arg)
{
	return PointerGetDatum(cohort_pack(stream, filter, arg, NULL, 0, 0,
									   CurrentMemoryContext));
}

/* The arguments of a filter: the cohort as a stream. */
static LeadStream *
filter_begin(FunctionCallInfo fcinfo, FilterArg *arg)
{
	LeadStream *stream = lead_stream_open(cohort_getarg(fcinfo, 0),
										  CurrentMemoryContext);

	memset(arg, 0, sizeof(FilterArg));
	arg->stream = stream;
	return stream;
}

static bool
keep_reached(Lead *lead, void *filter_arg)
{
	FilterArg  *arg = filter_arg;

	FOR_INTERRUPTIBLE(i, lead->n)
		if (lead->label[i] == arg->stage)
			return !arg->negate;
	return arg->negate;
}

/* The first event of a stage is the first entry into it. */
static bool
keep_entered(Lead *lead, void *filter_arg)
{
	FilterArg  *arg = filter_arg;

	FOR_INTERRUPTIBLE(i, lead->n)
		if (lead->label[i] == arg->stage)
			return in_period(&arg->period, lead->at[i]);
	return false;
}

static bool
keep_active(Lead *lead, void *filter_arg)
{
	FilterArg  *arg = filter_arg;
	int64		i = lead_count_before(lead, arg->period.first);

	return i < lead->n && in_period(&arg->period, lead->at[i]);
}

static bool
cut_as_of(Lead *lead, void *filter_arg)
{
	FilterArg  *arg = filter_arg;

	lead->n = lead_count_before(lead, arg->as_of);
	return true;
}

static bool
keep_labels(Lead *lead, void *filter_arg)
{
	FilterArg  *arg = filter_arg;
	int64		n = 0;

	FOR_INTERRUPTIBLE(i, lead->n)
		if (arg->keep[lead->label[i]])
		{
			if (n != i)
				lead_copy_event(lead, n, lead, i);
			n++;
		}
	lead->n = n;
	return true;
}

static bool
drop_repeats(Lead *lead, void *filter_arg)
{
	int64		n = 0;

	FOR_INTERRUPTIBLE(i, lead->n)
		if (n == 0 || lead_cmp_events(lead, n - 1, i) != 0)
		{
			if (n != i)
				lead_copy_event(lead, n, lead, i);
			n++;
		}
	lead->n = n;
	return true;
}

static bool
map_labels(Lead *lead, void *filter_arg)
{
	FilterArg  *arg = filter_arg;

	FOR_INTERRUPTIBLE(i, lead->n)
		lead->label[i] = arg->map[lead->label[i]];
	if (arg->resort)
		lead_sort(lead);
	return true;
}

Datum
funnel_entered(PG_FUNCTION_ARGS)
{
	FilterArg	arg;
	LeadStream *stream;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	stream = filter_begin(fcinfo, &arg);
	arg.stage = find_stage(fcinfo, stream, arg_text(fcinfo, 1, "stage"));
	arg.period = arg_period(fcinfo, 2);
	PG_RETURN_DATUM(filtered(stream, keep_entered, &arg));
}

Datum
funnel_reached(PG_FUNCTION_ARGS)
{
	FilterArg	arg;
	LeadStream *stream = filter_begin(fcinfo, &arg);

	arg.stage = find_stage(fcinfo, stream, PG_GETARG_TEXT_PP(1));
	PG_RETURN_DATUM(filtered(stream, keep_reached, &arg));
}

Datum
funnel_never_reached(PG_FUNCTION_ARGS)
{
	FilterArg	arg;
	LeadStream *stream = filter_begin(fcinfo, &arg);

	arg.stage = find_stage(fcinfo, stream, PG_GETARG_TEXT_PP(1));
	arg.negate = true;
	PG_RETURN_DATUM(filtered(stream, keep_reached, &arg));
}

Datum
funnel_active(PG_FUNCTION_ARGS)
{
	FilterArg	arg;
	LeadStream *stream;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	stream = filter_begin(fcinfo, &arg);
	arg.period = arg_period(fcinfo, 1);
	PG_RETURN_DATUM(filtered(stream, keep_active, &arg));
}

static Datum
filter_labels(FunctionCallInfo fcinfo, bool named)
{
	FilterArg	arg;
	LeadStream *stream = filter_begin(fcinfo, &arg);
	int			count;
	text	  **labels = arg_texts(fcinfo, 1, "labels", 0, &count);

	arg.keep = palloc((Size) stream->nlabels + 1);
	for (uint32 i = 0; i < stream->nlabels; i++)
		arg.keep[i] = (i >= stream->nstages) || !named;
	for (int i = 0; i < count; i++)
		arg.keep[find_stage(fcinfo, stream, labels[i])] = named;
	PG_RETURN_DATUM(filtered(stream, keep_labels, &arg));
}

Datum
funnel_only(PG_FUNCTION_ARGS)
{
	return filter_labels(fcinfo, true);
}

Datum
funnel_without(PG_FUNCTION_ARGS)
{
	return filter_labels(fcinfo, false);
}

Datum
funnel_as_of(PG_FUNCTION_ARGS)
{
	FilterArg	arg;
	LeadStream *stream = filter_begin(fcinfo, &arg);

	arg.as_of = PG_GETARG_TIMESTAMPTZ(1);
	PG_RETURN_DATUM(filtered(stream, cut_as_of, &arg));
}

Datum
funnel_deduplicate(PG_FUNCTION_ARGS)
{
	FilterArg	arg;
	LeadStream *stream = filter_begin(fcinfo, &arg);

	PG_RETURN_DATUM(filtered(stream, drop_repeats, &arg));
}

/*
 * Packs the stream with other labels: wanted[] says what each label becomes.
 * Labels that become equal are one, of the smallest rank.
 */
static Datum
relabelled(LeadStream *stream, FilterArg *arg, const Label *wanted)
{
	LabelDict  *dict = label_dict_create(stream->nlabels, CurrentMemoryContext);
	Label	   *labels;
	uint32		nstages = 0;

	arg->map = palloc_extended(((Size) stream->nlabels + 1) * sizeof(uint32),
							   MCXT_ALLOC_HUGE);
	FOR_INTERRUPTIBLE(i, stream->nlabels)
		arg->map[i] = label_dict_add(dict, wanted[i].touch, wanted[i].bytes,
									 wanted[i].len, wanted[i].rank);
	label_dict_order(dict);
	labels = palloc_extended(((Size) dict->nlabels + 1) * sizeof(Label),
							 MCXT_ALLOC_HUGE);
	FOR_INTERRUPTIBLE(i, dict->nlabels)
	{
		labels[i] = dict->labels[dict->by_position[i]];
		if (!labels[i].touch)
			nstages++;
	}
	FOR_INTERRUPTIBLE(i, stream->nlabels)
	{
		arg->map[i] = dict->position[arg->map[i]];
		/* labels that become one may bring events of one order apart together */
		if (i > 0 && arg->map[i - 1] >= arg->map[i])
			arg->resort = true;
	}
	return PointerGetDatum(cohort_pack(stream, map_labels, arg, labels, nstages,
									   dict->nlabels, CurrentMemoryContext));
}

Datum
funnel_relabel(PG_FUNCTION_ARGS)
{
	FilterArg	arg;
	LeadStream *stream = filter_begin(fcinfo, &arg);
	Jsonb	   *json = PG_GETARG_JSONB_P(1);
	Label	   *wanted;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("labels must be given as a JSON object"),
				 errhint("Write them as '{\"Closed Won\": \"won\"}'.")));
	wanted = palloc_extended(((Size) stream->nlabels + 1) * sizeof(Label),
							 MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < stream->nlabels; i++)
	{
		JsonbValue	found;

		check_interrupts_at(i);
		wanted[i] = stream->labels[i];
		if (i >= stream->nstages ||
			getKeyJsonValueFromContainer(&json->root, wanted[i].bytes,
										 (int) wanted[i].len, &found) == NULL)
			continue;
		if (found.type != jbvString)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("new name of stage \"%s\" is not a string",
							text_to_cstring(DatumGetTextPP(label_datum(&wanted[i])))),
					 errhint("Write the names as '{\"Closed Won\": \"won\"}'.")));
		wanted[i].bytes = found.val.string.val;
		wanted[i].len = (uint32) found.val.string.len;
	}
	PG_RETURN_DATUM(relabelled(stream, &arg, wanted));
}

Datum
funnel_in_order(PG_FUNCTION_ARGS)
{
	FilterArg	arg;
	LeadStream *stream = filter_begin(fcinfo, &arg);
	int			count;
	text	  **labels = arg_texts(fcinfo, 1, "labels", 1, &count);
	Label	   *wanted = palloc_extended(((Size) stream->nlabels + 1) * sizeof(Label),
										 MCXT_ALLOC_HUGE);

	for (uint32 i = 0; i < stream->nlabels; i++)
	{
		wanted[i] = stream->labels[i];
		wanted[i].rank = RANK_NONE;
	}
	for (int i = 0; i < count; i++)
	{
		uint32		code = find_stage(NULL, stream, labels[i]);

		if (code == stream->nlabels)
			continue;
		if (wanted[code].rank != RANK_NONE)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("stage \"%s\" is named twice in the order",
							text_to_cstring(labels[i])),
					 errhint("Name each stage once.")));
		wanted[code].rank = i + 1;
	}
	PG_RETURN_DATUM(relabelled(stream, &arg, wanted));
}
