/*
 * steps_sql.c
 *	  SQL functions over the step funnel: steps(), conversion_rate() and
 *	  velocity(), of cohorts and straight from rows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "cohort_agg.h"
#include "cohort_value.h"
#include "compat.h"
#include "rows.h"
#include "steps_sql.h"
#include "trace.h"

PG_FUNCTION_INFO_V1(funnel_steps);
PG_FUNCTION_INFO_V1(funnel_conversion_rate);
PG_FUNCTION_INFO_V1(funnel_velocity);
PG_FUNCTION_INFO_V1(conversion_rate_finalfn);
PG_FUNCTION_INFO_V1(velocity_finalfn);
PG_FUNCTION_INFO_V1(funnel_wilson_interval);

StepsMode
arg_mode(FunctionCallInfo fcinfo, int n)
{
	char	   *name = text_to_cstring(arg_text(fcinfo, n, "mode"));

	if (strcmp(name, "ordered") == 0)
		return STEPS_ORDERED;
	if (strcmp(name, "strict") == 0)
		return STEPS_STRICT;
	if (strcmp(name, "any") == 0)
		return STEPS_ANY;
	if (strcmp(name, "implied") == 0)
		return STEPS_IMPLIED;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown mode \"%s\"", name),
			 errhint("The modes are ordered, strict, any and implied.")));
	return STEPS_ORDERED;		/* keep the compiler quiet */
}

text **
steps_args(FunctionCallInfo fcinfo, int n, Steps *eval)
{
	text	  **steps = arg_texts(fcinfo, n, "steps", 1, &eval->nsteps);

	eval->within = arg_limit(fcinfo, n + 1, "within");
	eval->mode = arg_mode(fcinfo, n + 2);
	eval->period = arg_period(fcinfo, n + 3);
	eval->as_of = arg_as_of(fcinfo, n + 4);
	return steps;
}

LeadStream *
steps_open(FunctionCallInfo fcinfo, Steps *eval, Cohort *cohort, text **steps)
{
	LeadStream *stream;

	if (eval->nsteps > STEPS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many steps: %d", eval->nsteps),
				 errhint("A funnel can have at most %d steps.", STEPS_MAX)));
	if (eval->mode == STEPS_ANY && eval->within != NO_LIMIT)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("mode \"any\" has no window"),
				 errhint("Leave \"within\" out, or use another mode.")));
	stream = lead_stream_open(cohort, CurrentMemoryContext);
	eval->nstages = stream->nstages;
	eval->step_mask = palloc0(((Size) stream->nstages + 1) * sizeof(uint64));
	for (int i = 0; i < eval->nsteps; i++)
	{
		uint32		stage = find_stage(fcinfo, stream, steps[i]);

		if (stage < stream->nstages)
			eval->step_mask[stage] |= UINT64CONST(1) << i;
	}
	steps_begin(eval, CurrentMemoryContext);
	return stream;
}

void
steps_count(Steps *eval, LeadStream *stream)
{
	while (lead_stream_next(stream))
		steps_add(eval, &stream->lead);
	steps_finish(eval);
}

Datum
funnel_steps(PG_FUNCTION_ARGS)
{
	Steps	   *eval;
	text	  **steps;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval = palloc0(sizeof(Steps));
	steps = steps_args(fcinfo, 1, eval);
	eval->durations = true;
	eval->amounts = true;
	steps_count(eval, steps_open(fcinfo, eval, cohort_getarg(fcinfo, 0), steps));

	for (int i = 0; i < eval->nsteps; i++)
	{
		StepCount  *step = &eval->steps[i];
		const StepCount *previous = i > 0 ? &eval->steps[i - 1] : NULL;
		const StepCount *first = &eval->steps[0];
		bool		any = (eval->mode == STEPS_ANY);
		Datum		values[15] = {0};
		bool		nulls[15];

		memset(nulls, true, sizeof(nulls));
		SET(0, Int32GetDatum(i + 1));
		SET(1, PointerGetDatum(steps[i]));
		SET(2, Int64GetDatum(step->leads));
		SET(3, Int64GetDatum(step->ever));
		nulls[4] = !amount_sum_numeric(&step->amount, &values[4]);
		if (previous != NULL && previous->leads > 0)
		{
			int64		k = steps_converted(eval, i);
			double		low,
						high;

			wilson_interval(k, previous->leads, &low, &high);
			SET(5, Float8GetDatum((double) k / (double) previous->leads));
			SET(7, Float8GetDatum(low));
			SET(8, Float8GetDatum(high));
		}
		if (first->leads > 0)
			SET(6, Float8GetDatum((double) (any ? step->with_first : step->leads) /
								  (double) first->leads));
		if (previous != NULL && eval->within != NO_LIMIT)
		{
			SET(9, Int64GetDatum(step->pending));
			SET(10, Int64GetDatum(step->mature));
			if (step->mature > 0)
				SET(11, Float8GetDatum((double) step->mature_reached /
									   (double) step->mature));
		}
		if (step->durations.n > 0)
		{
			SET(12, Float8GetDatum(samples_mean(&step->durations)));
			SET(13, Float8GetDatum(samples_quantile(&step->durations, 0.5)));
		}
		if (step->durations.n > 0)
			SET(14, Float8GetDatum(samples_quantile(&step->durations, 0.9)));
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}

/* ------------------------------------------------------------------------
 * Two stages, one number
 * ------------------------------------------------------------------------
 */

/* Share of the leads at step 1 that are at step 2; false over nothing. */
static bool
conversion_rate(const Steps *eval, double *rate)
{
	if (eval->steps[0].leads == 0)
		return false;
	*rate = (double) steps_converted(eval, 1) / (double) eval->steps[0].leads;
	return true;
}

Datum
funnel_conversion_rate(PG_FUNCTION_ARGS)
{
	Steps	   *eval;
	text	   *steps[2];
	double		rate;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval = palloc0(sizeof(Steps));
	eval->nsteps = 2;
	steps[0] = arg_text(fcinfo, 1, "from_stage");
	steps[1] = arg_text(fcinfo, 2, "to_stage");
	eval->within = arg_limit(fcinfo, 3, "within");
	eval->mode = arg_mode(fcinfo, 4);
	eval->period = arg_period(fcinfo, 5);
	eval->as_of = arg_as_of(fcinfo, 6);
	steps_count(eval, steps_open(fcinfo, eval, cohort_getarg(fcinfo, 0), steps));
	if (!conversion_rate(eval, &rate))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(rate);
}

Datum
funnel_velocity(PG_FUNCTION_ARGS)
{
	Steps	   *eval;
	text	   *steps[2];
	LeadStream *stream;
	double		quantile = 0;
	bool		mean = PG_ARGISNULL(3);

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval = palloc0(sizeof(Steps));
	eval->nsteps = 2;
	steps[0] = arg_text(fcinfo, 1, "from_stage");
	steps[1] = arg_text(fcinfo, 2, "to_stage");
	if (!mean)
	{
		quantile = PG_GETARG_FLOAT8(3);
		if (!(quantile >= 0 && quantile <= 1))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("argument \"quantile\" must be between 0 and 1"),
					 errdetail("It is %g.", quantile),
					 errhint("Pass 0.5 for the median, or NULL for the mean.")));
	}
	eval->within = arg_limit(fcinfo, 4, "within");
	eval->mode = STEPS_ORDERED;
	eval->period = arg_period(fcinfo, 5);
	eval->as_of = arg_as_of(fcinfo, 6);
	eval->durations = true;
	stream = steps_open(fcinfo, eval, cohort_getarg(fcinfo, 0), steps);
	eval->calendar = arg_calendar(fcinfo, 7, stream, eval->as_of);
	steps_count(eval, stream);
	if (eval->steps[1].durations.n == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(mean ? samples_mean(&eval->steps[1].durations) :
					 samples_quantile(&eval->steps[1].durations, quantile));
}

/*
 * The row aggregates: the two functions above with all their defaults. A
 * warning about a stage that does not occur makes sense only where there is
 * one group.
 */
static Steps *
run_row_steps(FunctionCallInfo fcinfo, bool durations)
{
	RowState   *state = (RowState *) PG_GETARG_POINTER(0);
	Steps	   *eval = palloc0(sizeof(Steps));
	text	   *steps[2] = {state->extra->from_stage, state->extra->to_stage};
	Cohort		cohort;

	row_state_cohort(fcinfo, state, &cohort);
	trace_gathered(&cohort);
	eval->nsteps = 2;
	eval->within = NO_LIMIT;
	eval->mode = STEPS_ORDERED;
	eval->period.first = PG_INT64_MIN;
	eval->period.last = PG_INT64_MAX;
	eval->as_of = GetCurrentTransactionStartTimestamp();
	eval->durations = durations;
	steps_count(eval, steps_open(row_state_is_whole(fcinfo) ? fcinfo : NULL, eval,
								 &cohort, steps));
	return eval;
}

Datum
conversion_rate_finalfn(PG_FUNCTION_ARGS)
{
	double		rate;

	if (PG_ARGISNULL(0) ||
		!conversion_rate(run_row_steps(fcinfo, false), &rate))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(rate);
}

Datum
velocity_finalfn(PG_FUNCTION_ARGS)
{
	Steps	   *eval;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval = run_row_steps(fcinfo, true);
	if (eval->steps[1].durations.n == 0)
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(samples_mean(&eval->steps[1].durations));
}

/* The interval that steps() gives, for shares that are counted in SQL. */
Datum
funnel_wilson_interval(PG_FUNCTION_ARGS)
{
	int64		part = PG_GETARG_INT64(0);
	int64		whole = PG_GETARG_INT64(1);
	TupleDesc	desc;
	double		low,
				high;
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function must return a row");
	if (whole > 0 && part >= 0 && part <= whole)
	{
		wilson_interval(part, whole, &low, &high);
		SET(0, Float8GetDatum(low));
		SET(1, Float8GetDatum(high));
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
