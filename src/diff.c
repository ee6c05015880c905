/*
 * diff.c
 *	  The SQL function diff(): the events that two cohorts do not have in common.
 *
 * Both deliver their leads in one order, so they are read side by side. Events
 * of a lead are compared under codes of a dictionary that both share, in whose
 * canonical order they are sorted where a cohort's own order is another one.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "cohort_value.h"
#include "compat.h"
#include "rows.h"

PG_FUNCTION_INFO_V1(funnel_diff);

typedef struct Side
{
	LeadStream *stream;			/* NULL: a cohort without leads */
	bool		more;			/* is there a lead? */
	uint32	   *codes;			/* by label: its code in the dictionary of both */
	uint32	   *places;			/* by label: place in the order of that dictionary */
	bool		resort;			/* is that another order? */
} Side;

static uint32
count_labels(const Side *side)
{
	return side->stream == NULL ? 0 : side->stream->nlabels;
}

static void
open_side(Side *side, Cohort *cohort)
{
	Size		nlabels;

	memset(side, 0, sizeof(Side));
	if (cohort == NULL)
		return;
	side->stream = lead_stream_open(cohort, CurrentMemoryContext);
	nlabels = side->stream->nlabels;
	side->codes = palloc_extended((nlabels + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	side->places = palloc_extended((nlabels + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
}

static void
add_labels(Side *side, LabelDict *dict)
{
	FOR_INTERRUPTIBLE(i, count_labels(side))
	{
		const Label *label = &side->stream->labels[i];

		side->codes[i] = label_dict_add(dict, label->touch, label->bytes, label->len,
										label->rank);
	}
}

/* Is it being aggregated? Then what it is read from may be another's too. */
static bool
is_unpacked(const Cohort *cohort)
{
	return cohort != NULL && (cohort->buffer != NULL || cohort_has_runs(cohort));
}

static Cohort *
packed(Cohort *cohort)
{
	Cohort	   *result = palloc(sizeof(Cohort));

	cohort_init(result, CurrentMemoryContext);
	cohort_add_value(result, cohort_flatten(cohort, CurrentMemoryContext));
	return result;
}

static void
order_side(Side *side, const LabelDict *dict)
{
	FOR_INTERRUPTIBLE(i, count_labels(side))
	{
		side->places[i] = dict->position[side->codes[i]];
		if (i > 0 && side->places[i] < side->places[i - 1])
			side->resort = true;
	}
}

/* The next lead, its labels replaced by their places. */
static void
next_lead(Side *side)
{
	Lead	   *lead;

	side->more = side->stream != NULL && lead_stream_next(side->stream);
	if (!side->more)
		return;
	lead = &side->stream->lead;
	FOR_INTERRUPTIBLE(i, lead->n)
		lead->label[i] = side->places[lead->label[i]];
	if (side->resort)
		lead_sort(lead);
}

static const Amount no_amount = {.kind = AMOUNT_NONE};
static const Key no_ref = {.kclass = KEY_NONE};

/* Canonical order of event i of one lead and event j of another. */
static int
event_cmp(const Lead *a, int64 i, const Lead *b, int64 j)
{
	int			c;

	if (a->at[i] != b->at[j])
		return a->at[i] < b->at[j] ? -1 : 1;
	if (a->label[i] != b->label[j])
		return a->label[i] < b->label[j] ? -1 : 1;
	if (!a->rich && !b->rich)
		return 0;
	c = amount_cmp(a->rich ? &a->amount[i] : &no_amount,
				   b->rich ? &b->amount[j] : &no_amount);
	if (c != 0)
		return c;
	return key_cmp_text(a->rich ? &a->ref[i] : &no_ref,
						b->rich ? &b->ref[j] : &no_ref);
}

typedef struct Output
{
	FunctionCallInfo fcinfo;
	MemoryContext cxt;			/* of one row */
	const LabelDict *dict;
	Datum	   *labels;			/* by place */
	Datum		stage,
				touch,
				added,
				removed;
} Output;

static void
put_event(const Output *output, const Lead *lead, int64 i, Datum change)
{
	MemoryContext old = MemoryContextSwitchTo(output->cxt);
	uint32		place = lead->label[i];
	Datum		values[7] = {0};
	bool		nulls[7];

	memset(nulls, true, sizeof(nulls));
	SET(0, key_text_datum(&lead->key));
	SET(1, output->dict->labels[output->dict->by_position[place]].touch ?
		output->touch : output->stage);
	SET(2, output->labels[place]);
	SET(3, TimestampTzGetDatum(lead->at[i]));
	if (lead->rich && lead->amount[i].kind != AMOUNT_NONE)
		SET(4, amount_numeric(&lead->amount[i]));
	if (lead->rich && lead->ref[i].kclass != KEY_NONE)
		SET(5, key_text_datum(&lead->ref[i]));
	SET(6, change);
	put_row(output->fcinfo, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(output->cxt);
}

Datum
funnel_diff(PG_FUNCTION_ARGS)
{
	LabelDict  *dict;
	Cohort	   *cohort_a,
			   *cohort_b;
	Side		a,
				b;
	Output		output;
	int64		turns = 0;

	begin_rows(fcinfo);
	cohort_a = PG_ARGISNULL(0) ? NULL : cohort_getarg(fcinfo, 0);
	cohort_b = PG_ARGISNULL(1) ? NULL : cohort_getarg(fcinfo, 1);
	if (cohort_a == cohort_b)
		PG_RETURN_NULL();
	/* they are read at once */
	if (is_unpacked(cohort_a) && is_unpacked(cohort_b))
		cohort_a = packed(cohort_a);
	open_side(&a, cohort_a);
	open_side(&b, cohort_b);
	dict = label_dict_create(Max(count_labels(&a), count_labels(&b)), CurrentMemoryContext);
	add_labels(&a, dict);
	add_labels(&b, dict);
	label_dict_order(dict);
	order_side(&a, dict);
	order_side(&b, dict);

	output.fcinfo = fcinfo;
	output.cxt = row_context();
	output.dict = dict;
	output.labels = palloc_extended(((Size) dict->nlabels + 1) * sizeof(Datum),
									MCXT_ALLOC_HUGE);
	FOR_INTERRUPTIBLE(i, dict->nlabels)
		output.labels[i] = label_datum(&dict->labels[dict->by_position[i]]);
	output.stage = CStringGetTextDatum("stage");
	output.touch = CStringGetTextDatum("touch");
	output.added = CStringGetTextDatum("added");
	output.removed = CStringGetTextDatum("removed");

	next_lead(&a);
	next_lead(&b);
	while (a.more || b.more)
	{
		/* whose lead is it? 0: both */
		int			whose = !a.more ? 1 : !b.more ? -1 :
			key_cmp(&a.stream->lead.key, &b.stream->lead.key);
		const Lead *x = whose <= 0 ? &a.stream->lead : NULL;
		const Lead *y = whose >= 0 ? &b.stream->lead : NULL;
		int64		i = 0,
					j = 0;

		while ((x != NULL && i < x->n) || (y != NULL && j < y->n))
		{
			int			c = y == NULL || j == y->n ? -1 :
				x == NULL || i == x->n ? 1 : event_cmp(x, i, y, j);

			check_interrupts_at(turns++);
			if (c < 0)
				put_event(&output, x, i, output.removed);
			else if (c > 0)
				put_event(&output, y, j, output.added);
			i += (c <= 0);
			j += (c >= 0);
		}
		if (x != NULL)
			next_lead(&a);
		if (y != NULL)
			next_lead(&b);
	}
	PG_RETURN_NULL();
}
