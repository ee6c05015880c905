/*
 * handoffs_sql.c
 *	  SQL functions that handoffs(), purgatory(), recyclable() and bottleneck()
 *	  are made of; those read the pipeline, and say here what each stage means.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "cohort_value.h"
#include "compat.h"
#include "handoffs.h"
#include "rows.h"

PG_FUNCTION_INFO_V1(funnel_handoff_counts);
PG_FUNCTION_INFO_V1(funnel_open_leads);
PG_FUNCTION_INFO_V1(funnel_lost_leads);

/* The elements of an array argument; its callers pass what fits together. */
static Datum *
arg_elements(FunctionCallInfo fcinfo, int n, const char *name, Oid type, int length,
			 bool byval, char align, bool **nulls, int64 count)
{
	Datum	   *elements;
	bool	   *null_elements;
	int			found;

	arg_not_null(fcinfo, n, name);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n), type, length, byval, align, &elements,
					  &null_elements, &found);
	if (found != count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("argument \"%s\" must have %lld elements", name, (long long) count),
				 errdetail("It has %d.", found)));
	for (int i = 0; i < found && nulls == NULL; i++)
		if (null_elements[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" has a null element", name),
					 errdetail("Element %d is null.", i + 1)));
	if (nulls != NULL)
		*nulls = null_elements;
	return elements;
}

static Datum *
arg_ints(FunctionCallInfo fcinfo, int n, const char *name, int64 count)
{
	return arg_elements(fcinfo, n, name, INT4OID, sizeof(int32), true, TYPALIGN_INT,
						NULL, count);
}

/* The codes of stages that are named; nlabels for those in no event. */
static uint32 *
stage_codes(FunctionCallInfo fcinfo, int n, const char *name, LeadStream *stream, int *count)
{
	text	  **names = arg_texts(fcinfo, n, name, 0, count);
	uint32	   *codes = palloc(((Size) *count + 1) * sizeof(uint32));

	for (int i = 0; i < *count; i++)
		codes[i] = lead_stream_find(stream, false, VARDATA_ANY(names[i]),
									(uint32) VARSIZE_ANY_EXHDR(names[i]));
	return codes;
}

/* Arguments: cohort, stages, roles of all stages for each hand-off, SLAs, as_of, calendar. */
Datum
funnel_handoff_counts(PG_FUNCTION_ARGS)
{
	Handoffs	eval;
	StayScope  *scope = &eval.scope;
	LeadStream *stream;
	uint32	   *codes;
	int			nstages;
	Datum	   *roles;
	Datum	   *allowed;
	bool	   *unlimited;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	memset(&eval, 0, sizeof(eval));
	arg_not_null(fcinfo, 3, "allowed");
	eval.n = ArrayGetNItems(ARR_NDIM(PG_GETARG_ARRAYTYPE_P(3)),
							ARR_DIMS(PG_GETARG_ARRAYTYPE_P(3)));
	scope->as_of = arg_as_of(fcinfo, 4);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	scope->nstages = stream->nstages;
	scope->calendar = arg_calendar(fcinfo, 5, stream, scope->as_of);
	codes = stage_codes(fcinfo, 1, "stages", stream, &nstages);
	roles = arg_ints(fcinfo, 2, "roles", (int64) eval.n * nstages);
	allowed = arg_elements(fcinfo, 3, "allowed", INTERVALOID, sizeof(Interval), false,
						   TYPALIGN_DOUBLE, &unlimited, eval.n);
	eval.handoffs = palloc0(((Size) eval.n + 1) * sizeof(Handoff));
	for (int h = 0; h < eval.n; h++)
	{
		uint8	   *of_stage = palloc_extended((Size) stream->nlabels + 1,
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

		for (int i = 0; i < nstages; i++)
			of_stage[codes[i]] = (uint8) DatumGetInt32(roles[(int64) h * nstages + i]);
		eval.handoffs[h].roles = of_stage;
		eval.handoffs[h].has_sla = !unlimited[h];
		if (!unlimited[h])
			eval.handoffs[h].allowed = stay_allowance(scope, DatumGetIntervalP(allowed[h]));
	}
	handoffs_begin(&eval, CurrentMemoryContext);
	while (eval.n > 0 && lead_stream_next(stream))
		handoffs_add(&eval, &stream->lead);

	for (int h = 0; h < eval.n; h++)
	{
		const Handoff *handoff = &eval.handoffs[h];
		Datum		values[11] = {0};
		bool		nulls[11];

		memset(nulls, true, sizeof(nulls));
		SET(0, Int32GetDatum(h + 1));
		SET(1, Int64GetDatum(handoff->offered));
		SET(2, Int64GetDatum(handoff->accepted));
		SET(3, Int64GetDatum(handoff->rejected));
		SET(4, Int64GetDatum(handoff->pending));
		SET(5, Int64GetDatum(handoff->no_response));
		if (handoff->latency.n > 0)
		{
			SET(6, Float8GetDatum(samples_quantile(&handoff->latency, 0.5)));
			SET(7, Float8GetDatum(samples_quantile(&handoff->latency, 0.9)));
		}
		SET(8, Int64GetDatum(handoff->handed_back));
		if (handoff->has_sla)
		{
			SET(9, Int64GetDatum(handoff->met));
			SET(10, Int64GetDatum(handoff->breached));
		}
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}

/* Arguments: cohort, stages, the group of each, channels, as_of. */
Datum
funnel_open_leads(PG_FUNCTION_ARGS)
{
	OpenScope	scope = {0};
	LeadStream *stream;
	uint32	   *codes;
	int			nstages;
	Datum	   *groups;
	int32	   *of_label;
	Datum	   *labels;
	MemoryContext rows;
	OpenLead	open;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	scope.as_of = arg_as_of(fcinfo, 4);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	scope.nstages = stream->nstages;
	codes = stage_codes(fcinfo, 1, "stages", stream, &nstages);
	groups = arg_ints(fcinfo, 2, "groups", nstages);
	of_label = palloc_extended(((Size) stream->nlabels + 1) * sizeof(int32),
							   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < nstages; i++)
		of_label[codes[i]] = DatumGetInt32(groups[i]);
	scope.groups = of_label;
	if (!PG_ARGISNULL(3))
	{
		bool	   *counts = palloc_extended((Size) stream->nlabels + 1,
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		int			count;
		text	  **channels = arg_texts(fcinfo, 3, "touches", 0, &count);

		for (int i = 0; i < count; i++)
			counts[find_channel(fcinfo, stream, channels[i])] = true;
		scope.channels = counts;
	}
	labels = label_datums(stream);
	rows = row_context();
	while (lead_stream_next(stream))
	{
		const Lead *lead = &stream->lead;
		MemoryContext old;
		Datum		values[12] = {0};
		bool		nulls[12];
		int64		idle_since;

		if (!open_lead_read(&scope, lead, &open))
			continue;
		idle_since = open.stay.entered_at;
		old = MemoryContextSwitchTo(rows);
		memset(nulls, true, sizeof(nulls));
		SET(0, key_text_datum(&lead->key));
		SET(1, labels[open.stay.stage]);
		SET(2, TimestampTzGetDatum(open.stay.entered_at));
		SET(3, TimestampTzGetDatum(lead->at[open.since]));
		if (open.before >= 0)
			SET(4, labels[lead->label[open.before]]);
		SET(5, Int64GetDatum(open.times));
		SET(6, Int64GetDatum(open.touches_before));
		SET(7, Int64GetDatum(open.touches));
		if (open.last_touch >= 0)
		{
			SET(8, TimestampTzGetDatum(lead->at[open.last_touch]));
			idle_since = Max(idle_since, lead->at[open.last_touch]);
		}
		if (open.has_amount)
			SET(9, amount_numeric(&open.amount));
		SET(10, Float8GetDatum(days_between(lead->at[open.since], scope.as_of)));
		SET(11, Float8GetDatum(days_between(idle_since, scope.as_of)));
		put_row(fcinfo, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
	}
	PG_RETURN_NULL();
}

/* Arguments: cohort, path, stages where leads are lost, as_of. A row for each stage of the path. */
Datum
funnel_lost_leads(PG_FUNCTION_ARGS)
{
	LostLeads	eval = {0};
	LeadStream *stream;
	int32	   *places;
	uint32	   *codes;
	int			path;
	int			exits;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval.as_of = arg_as_of(fcinfo, 3);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	eval.nstages = stream->nstages;
	places = palloc_extended(((Size) stream->nlabels + 1) * sizeof(int32),
							 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	codes = stage_codes(fcinfo, 2, "exits", stream, &exits);
	for (int i = 0; i < exits; i++)
		places[codes[i]] = PLACE_LOST;
	codes = stage_codes(fcinfo, 1, "path", stream, &path);
	for (int i = 0; i < path; i++)
		places[codes[i]] = i + 1;
	eval.places = places;
	eval.lost = palloc0(((Size) path + 1) * sizeof(LostPlace));
	while (lead_stream_next(stream))
		lost_leads_add(&eval, &stream->lead);

	for (int i = 1; i <= path; i++)
	{
		Datum		values[3] = {0};
		bool		nulls[3] = {true, true, true};
		Datum		amount;

		SET(0, Int32GetDatum(i));
		SET(1, Int64GetDatum(eval.lost[i].leads));
		if (amount_sum_numeric(&eval.lost[i].amount, &amount))
			SET(2, amount);
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}
