/*
 * stages_sql.c
 *	  SQL functions over stays: stages(), transitions(), aging(), sla(),
 *	  sla_report() and stale() of cohorts, and aging() straight from rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "cohort_agg.h"
#include "cohort_value.h"
#include "compat.h"
#include "moves.h"
#include "pipeline.h"
#include "rows.h"
#include "stages.h"
#include "trace.h"

PG_FUNCTION_INFO_V1(funnel_stages);
PG_FUNCTION_INFO_V1(funnel_transitions);
PG_FUNCTION_INFO_V1(funnel_aging);
PG_FUNCTION_INFO_V1(aging_finalfn);
PG_FUNCTION_INFO_V1(funnel_sla);
PG_FUNCTION_INFO_V1(funnel_sla_report);
PG_FUNCTION_INFO_V1(funnel_stale);

/* Mean, median and p90, which are NULL without samples. */
static void
put_durations(const Samples *samples, Datum *values, bool *nulls)
{
	if (samples->n == 0)
		return;
	SET(0, Float8GetDatum(samples_mean(samples)));
	SET(1, Float8GetDatum(samples_quantile(samples, 0.5)));
	SET(2, Float8GetDatum(samples_quantile(samples, 0.9)));
}

Datum
funnel_stages(PG_FUNCTION_ARGS)
{
	Stages		eval;
	StayScope  *scope = &eval.scope;
	LeadStream *stream;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	scope->period = arg_period(fcinfo, 1);
	scope->as_of = arg_as_of(fcinfo, 2);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	scope->nstages = stream->nstages;
	scope->calendar = arg_calendar(fcinfo, 3, stream, scope->as_of);
	stages_begin(&eval, CurrentMemoryContext);
	while (lead_stream_next(stream))
		stages_add(&eval, &stream->lead);

	for (uint32 i = 0; i < stream->nstages; i++)
	{
		const StageCount *count = &eval.stages[i];
		Datum		values[11] = {0};
		bool		nulls[11];

		CHECK_FOR_INTERRUPTS();
		if (count->entries == 0)
			continue;
		memset(nulls, true, sizeof(nulls));
		SET(0, label_datum(&stream->labels[i]));
		SET(1, Int64GetDatum(count->leads));
		SET(2, Int64GetDatum(count->entries));
		SET(3, Int64GetDatum(count->current));
		put_durations(&count->durations, &values[4], &nulls[4]);
		put_durations(&count->ages, &values[7], &nulls[7]);
		if (count->ages.n > 0)
			SET(10, Float8GetDatum(duration_days(scope->calendar, count->oldest)));
		else if (count->current > 0)
			for (int column = 7; column <= 10; column++)
				SET(column, Float8GetDatum(get_float8_infinity()));
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}

/* By from_stage, nowhere first, then to_stage, nowhere last. */
static int
move_cmp(const void *a, const void *b)
{
	const Move *x = *(const Move *const *) a;
	const Move *y = *(const Move *const *) b;

	CHECK_FOR_INTERRUPTS();
	if (x->from != y->from)
		return x->from + 1 < y->from + 1 ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

Datum
funnel_transitions(PG_FUNCTION_ARGS)
{
	Period		period;
	int64		as_of;
	LeadStream *stream;
	Moves		moves;
	const Move **ordered;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	period = arg_period(fcinfo, 1);
	as_of = arg_as_of(fcinfo, 2);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	moves_begin(&moves, stream->nstages, CurrentMemoryContext);
	moves.period = period;
	moves.stays = true;
	while (lead_stream_next(stream))
		moves_add(&moves, &stream->lead, lead_count_before(&stream->lead, as_of));

	ordered = palloc_extended(((Size) moves.n + 1) * sizeof(Move *), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < moves.n; i++)
		ordered[i] = &moves.moves[i];
	qsort(ordered, moves.n, sizeof(Move *), move_cmp);
	for (uint32 i = 0; i < moves.n; i++)
	{
		const Move *move = ordered[i];
		Datum		values[7] = {0};
		bool		nulls[7];

		CHECK_FOR_INTERRUPTS();
		memset(nulls, true, sizeof(nulls));
		if (move->from != MOVE_NOWHERE)
			SET(0, label_datum(&stream->labels[move->from]));
		if (move->to != MOVE_NOWHERE)
			SET(1, label_datum(&stream->labels[move->to]));
		SET(2, Int64GetDatum(move->transitions));
		SET(3, Int64GetDatum(move->leads));
		put_durations(&move->durations, &values[4], &nulls[4]);
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}

/* ------------------------------------------------------------------------
 * Aging
 * ------------------------------------------------------------------------
 */

/* The bounds of buckets: positive and ascending; and the same in days. */
static int128 *
arg_bounds(FunctionCallInfo fcinfo, int n, int *count, double **days)
{
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int128	   *bounds;

	arg_not_null(fcinfo, n, "bounds");
	array = PG_GETARG_ARRAYTYPE_P(n);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("argument \"bounds\" must be a one-dimensional array"),
				 errhint("Write it as '{7 days,30 days,90 days}'.")));
	deconstruct_array(array, INTERVALOID, sizeof(Interval), false, TYPALIGN_DOUBLE,
					  &elements, &nulls, count);
	bounds = palloc(Max(*count, 1) * sizeof(int128));
	*days = palloc(Max(*count, 1) * sizeof(double));
	for (int i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"bounds\" has a null element"),
					 errdetail("Element %d is null.", i + 1),
					 errhint("Leave it out: the last bucket has no upper bound anyway.")));
		bounds[i] = interval_span(DatumGetIntervalP(elements[i]));
		(*days)[i] = interval_days(DatumGetIntervalP(elements[i]));
		if (bounds[i] <= (i == 0 ? 0 : bounds[i - 1]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"bounds\" must be positive and ascending"),
					 errdetail("Element %d is %s.", i + 1,
							   DatumGetCString(DirectFunctionCall1(interval_out, elements[i]))),
					 errhint("Write them from the shortest to the longest, as in '{7 days,30 days,90 days}'.")));
	}
	return bounds;
}

/*
 * The stages that are exits. The names that the argument has by default are no
 * mistake where they do not occur: no warning.
 */
static bool *
arg_exits(FunctionCallInfo fcinfo, int n, LeadStream *stream)
{
	bool	   *exits = palloc0((Size) stream->nstages + 1);
	int			count;
	text	  **names = arg_texts(fcinfo, n, "exits", 0, &count);

	for (int i = 0; i < count; i++)
	{
		char	   *name = text_to_cstring(names[i]);
		bool		standard = strcmp(name, "won") == 0 || strcmp(name, "lost") == 0 ||
			strcmp(name, "disqualified") == 0;
		uint32		stage = find_stage(standard ? NULL : fcinfo, stream, names[i]);

		if (stage < stream->nstages)
			exits[stage] = true;
	}
	return exits;
}

Datum
funnel_aging(PG_FUNCTION_ARGS)
{
	Aging		eval;
	StayScope  *scope = &eval.scope;
	LeadStream *stream;
	double	   *bound_days;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	memset(&eval, 0, sizeof(eval));
	eval.bounds = arg_bounds(fcinfo, 1, &eval.nbounds, &bound_days);
	scope->as_of = arg_as_of(fcinfo, 3);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	scope->nstages = stream->nstages;
	eval.exits = arg_exits(fcinfo, 2, stream);
	aging_begin(&eval, CurrentMemoryContext);
	while (lead_stream_next(stream))
		aging_add(&eval, &stream->lead);

	for (uint32 i = 0; i < stream->nstages; i++)
	{
		const int64 *counts = eval.counts[i];
		int64		leads = 0;
		Datum		stage;

		CHECK_FOR_INTERRUPTS();
		if (counts == NULL)
			continue;
		stage = label_datum(&stream->labels[i]);
		for (int bucket = 0; bucket <= eval.nbounds; bucket++)
			leads += counts[bucket];
		for (int bucket = 0; bucket <= eval.nbounds; bucket++)
		{
			Datum		values[6] = {0};
			bool		nulls[6];

			memset(nulls, true, sizeof(nulls));
			SET(0, stage);
			SET(1, Int32GetDatum(bucket + 1));
			SET(2, Float8GetDatum(bucket == 0 ? 0 : bound_days[bucket - 1]));
			if (bucket < eval.nbounds)
				SET(3, Float8GetDatum(bound_days[bucket]));
			SET(4, Int64GetDatum(counts[bucket]));
			SET(5, Float8GetDatum((double) counts[bucket] / (double) leads));
			put_row(fcinfo, values, nulls);
		}
	}
	PG_RETURN_NULL();
}

/* Straight from rows: the mean age of the leads that are in a stage now. */
Datum
aging_finalfn(PG_FUNCTION_ARGS)
{
	RowState   *state;
	Cohort		cohort;
	LeadStream *stream;
	StayScope	scope = {0};
	uint32		stage;
	Samples		ages;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (RowState *) PG_GETARG_POINTER(0);
	row_state_cohort(fcinfo, state, &cohort);
	trace_gathered(&cohort);
	stream = lead_stream_open(&cohort, CurrentMemoryContext);
	scope.nstages = stream->nstages;
	scope.as_of = state->extra->as_of;
	/* where there are groups, one without the stage is normal */
	stage = find_stage(row_state_is_whole(fcinfo) ? fcinfo : NULL, stream,
					   state->extra->from_stage);
	samples_init(&ages, CurrentMemoryContext);
	while (lead_stream_next(stream))
	{
		const Lead *lead = &stream->lead;
		Stay		stay;

		if (stays_open(&stay, lead, lead_count_before(lead, scope.as_of), scope.nstages) &&
			stay.stage == stage)
			samples_add(&ages, stay_age(&scope, &stay));
	}
	if (ages.n == 0)
		PG_RETURN_NULL();
	if (scope.as_of == DT_NOEND)
		PG_RETURN_FLOAT8(get_float8_infinity());
	PG_RETURN_FLOAT8(samples_mean(&ages));
}

/* ------------------------------------------------------------------------
 * Service levels
 * ------------------------------------------------------------------------
 */

/* What is allowed in days, as written: it may be longer than what can be measured. */
static double
allowance_days(const StayScope *scope, const Interval *interval)
{
	if (scope->calendar != NULL && !funnel_interval_is_infinite(interval))
		return calendar_allowance_days(scope->calendar, interval);
	return interval_days(interval);
}

/* entries, met, breached, pending, compliance */
static void
put_sla(const SlaCount *count, Datum *values, bool *nulls)
{
	SET(0, Int64GetDatum(count->entries));
	SET(1, Int64GetDatum(count->met));
	SET(2, Int64GetDatum(count->breached));
	SET(3, Int64GetDatum(count->pending));
	if (count->met + count->breached > 0)
		SET(4, Float8GetDatum((double) count->met /
							  (double) (count->met + count->breached)));
}

Datum
funnel_sla(PG_FUNCTION_ARGS)
{
	Sla			eval;
	StayScope  *scope = &eval.scope;
	LeadStream *stream;
	text	   *name;
	const Interval *allowed;
	uint32		stage;
	SlaCount	none = {0};
	Datum		values[5] = {0};
	bool		nulls[5];

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	name = arg_text(fcinfo, 1, "stage");
	allowed = arg_interval(fcinfo, 2, "allowed");
	scope->period = arg_period(fcinfo, 3);
	scope->as_of = arg_as_of(fcinfo, 4);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	scope->nstages = stream->nstages;
	scope->calendar = arg_calendar(fcinfo, 5, stream, scope->as_of);
	none.allowed = stay_allowance(scope, allowed);
	stage = find_stage(fcinfo, stream, name);
	sla_begin(&eval, CurrentMemoryContext);
	if (stage < stream->nstages)
	{
		eval.stages[stage].allowed = none.allowed;
		while (lead_stream_next(stream))
			sla_add(&eval, &stream->lead);
	}

	memset(nulls, true, sizeof(nulls));
	put_sla(stage < stream->nstages ? &eval.stages[stage] : &none, values, nulls);
	put_row(fcinfo, values, nulls);
	PG_RETURN_NULL();
}

/* The evaluation of a pipeline's service levels. */
typedef struct PipelineSla
{
	const Pipeline *pipeline;
	LeadStream *stream;
	Sla			eval;
	uint32	   *codes;			/* by stage of the pipeline; nlabels: in no event */
	const PipelineStage **stages;	/* by label */
} PipelineSla;

static void
name_the_stage(void *arg)
{
	const PipelineStage *stage = arg;

	errcontext("SLA of stage \"%s\"", stage->name);
}

/*
 * Reads the arguments that sla_report() and stale() share: cohort, pipeline,
 * as_of, calendar.
 */
static void
pipeline_sla_begin(FunctionCallInfo fcinfo, PipelineSla *all)
{
	StayScope  *scope = &all->eval.scope;
	LeadStream *stream;
	const Pipeline *pipeline;

	/* as it stands: whether leads could go through it does not matter */
	pipeline = pipeline_get(text_to_cstring(arg_text(fcinfo, 1, "pipeline")), false,
							CurrentMemoryContext);
	scope->period.first = PG_INT64_MIN;
	scope->period.last = PG_INT64_MAX;
	scope->as_of = arg_as_of(fcinfo, 2);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	scope->nstages = stream->nstages;
	scope->calendar = arg_calendar(fcinfo, 3, stream, scope->as_of);
	sla_begin(&all->eval, CurrentMemoryContext);

	all->pipeline = pipeline;
	all->stream = stream;
	all->codes = palloc(((Size) pipeline->nstages + 1) * sizeof(uint32));
	all->stages = palloc_extended(((Size) stream->nlabels + 1) * sizeof(PipelineStage *),
								  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < pipeline->nstages; i++)
	{
		const PipelineStage *stage = &pipeline->stages[i];
		uint32		code = lead_stream_find(stream, false, stage->name,
											(uint32) stage->len);
		ErrorContextCallback callback;
		uint64		allowed;

		all->codes[i] = code;
		if (stage->sla == NULL)
			continue;
		callback.callback = name_the_stage;
		callback.arg = unconstify(PipelineStage *, stage);
		callback.previous = error_context_stack;
		error_context_stack = &callback;
		allowed = stay_allowance(scope, stage->sla);
		error_context_stack = callback.previous;
		all->stages[code] = stage;
		if (code < stream->nlabels)
			all->eval.stages[code].allowed = allowed;
	}
}

Datum
funnel_sla_report(PG_FUNCTION_ARGS)
{
	PipelineSla all;
	const Pipeline *pipeline;
	SlaCount	none = {0};

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	pipeline_sla_begin(fcinfo, &all);
	pipeline = all.pipeline;
	while (lead_stream_next(all.stream))
		sla_add(&all.eval, &all.stream->lead);

	for (int i = 0; i < pipeline->nstages; i++)
	{
		int			index = pipeline->by_position[i];
		const PipelineStage *stage = &pipeline->stages[index];
		uint32		code = all.codes[index];
		Datum		values[8] = {0};
		bool		nulls[8];

		if (stage->sla == NULL)
			continue;
		memset(nulls, true, sizeof(nulls));
		SET(0, CStringGetTextDatum(stage->name));
		if (stage->owner != NULL)
			SET(1, CStringGetTextDatum(stage->owner));
		SET(2, IntervalPGetDatum(stage->sla));
		put_sla(code < all.stream->nlabels ? &all.eval.stages[code] : &none,
				&values[3], &nulls[3]);
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}

/* A lead whose open stay is past its limit. */
typedef struct StaleLead
{
	Key			lead;
	int64		entered_at;
	uint32		stage;			/* label code */
} StaleLead;

/* What is sorted in place of it. */
typedef struct StaleAge
{
	uint64		age;
	int64		number;			/* of the lead, in the order of leads */
} StaleAge;

/* The longest open first, then in the order of leads. */
static inline int
stale_cmp(const StaleAge *a, const StaleAge *b)
{
	if (a->age != b->age)
		return a->age > b->age ? -1 : 1;
	return a->number < b->number ? -1 : 1;
}

#define ST_SORT sort_stale
#define ST_ELEMENT_TYPE StaleAge
#define ST_COMPARE(a, b) stale_cmp(a, b)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

Datum
funnel_stale(PG_FUNCTION_ARGS)
{
	PipelineSla all;
	const StayScope *scope = &all.eval.scope;
	StaleLead  *leads;
	StaleAge   *ages;
	int64		n = 0;
	int64		allocated = 64;
	MemoryContext rows;
	Stay		stay;
	uint64		age;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	pipeline_sla_begin(fcinfo, &all);
	leads = palloc(allocated * sizeof(StaleLead));
	ages = palloc(allocated * sizeof(StaleAge));
	while (lead_stream_next(all.stream))
	{
		StaleLead  *lead;

		if (!sla_stale(&all.eval, &all.stream->lead, &stay, &age))
			continue;
		if (n == allocated)
		{
			allocated *= 2;
			leads = repalloc_huge(leads, (Size) allocated * sizeof(StaleLead));
			ages = repalloc_huge(ages, (Size) allocated * sizeof(StaleAge));
		}
		lead = &leads[n];
		lead->lead = all.stream->lead.key;
		if (lead->lead.kclass == KEY_TEXT)
		{
			char	   *bytes = palloc(Max(lead->lead.len, 1));

			memcpy(bytes, lead->lead.bytes, lead->lead.len);
			lead->lead.bytes = bytes;
		}
		lead->entered_at = stay.entered_at;
		lead->stage = stay.stage;
		ages[n].age = age;
		ages[n].number = n;
		n++;
	}
	sort_stale(ages, (size_t) n);

	rows = row_context();
	for (int64 i = 0; i < n; i++)
	{
		const StaleLead *lead = &leads[ages[i].number];
		const PipelineStage *stage = all.stages[lead->stage];
		uint64		allowed = all.eval.stages[lead->stage].allowed;
		bool		forever = (scope->as_of == DT_NOEND);
		MemoryContext old = MemoryContextSwitchTo(rows);
		Datum		values[7] = {0};
		bool		nulls[7];

		CHECK_FOR_INTERRUPTS();
		memset(nulls, true, sizeof(nulls));
		SET(0, key_text_datum(&lead->lead));
		SET(1, CStringGetTextDatum(stage->name));
		if (stage->owner != NULL)
			SET(2, CStringGetTextDatum(stage->owner));
		SET(3, TimestampTzGetDatum(lead->entered_at));
		SET(4, Float8GetDatum(forever ? get_float8_infinity() :
							  duration_days(scope->calendar, ages[i].age)));
		SET(5, Float8GetDatum(allowance_days(scope, stage->sla)));
		SET(6, Float8GetDatum(forever ? get_float8_infinity() :
							  duration_days(scope->calendar, ages[i].age - allowed)));
		put_row(fcinfo, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
	}
	PG_RETURN_NULL();
}
