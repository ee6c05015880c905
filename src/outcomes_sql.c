/*
 * outcomes_sql.c
 *	  SQL functions over the outcomes of leads: outcomes() and conversion_at().
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "cohort_value.h"
#include "compat.h"
#include "outcomes.h"
#include "rows.h"
#include "samples.h"

PG_FUNCTION_INFO_V1(funnel_outcomes);
PG_FUNCTION_INFO_V1(funnel_conversion_at);

/*
 * Gathers the leads of a cohort. Outcomes are numbered as they are named, each
 * once, those that do not occur left out unless it is the first; outcomes[] is
 * brought to those numbers.
 */
static void
run_outcomes(FunctionCallInfo fcinfo, Outcomes *eval, Cohort *cohort,
			 text *from_stage, text **outcomes)
{
	LeadStream *stream = lead_stream_open(cohort, CurrentMemoryContext);
	int		   *outcome_of;
	int			n = 0;

	eval->nstages = stream->nstages;
	eval->from_stage = find_stage(fcinfo, stream, from_stage);
	outcome_of = palloc_extended(((Size) stream->nstages + 1) * sizeof(int),
								 MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < stream->nstages; i++)
		outcome_of[i] = NO_OUTCOME;
	for (int i = 0; i < eval->noutcomes; i++)
	{
		uint32		stage = find_stage(fcinfo, stream, outcomes[i]);

		CHECK_FOR_INTERRUPTS();
		if (stage < stream->nstages && outcome_of[stage] == NO_OUTCOME)
		{
			outcome_of[stage] = n;
			outcomes[n++] = outcomes[i];
		}
		else if (i == 0)
			n = 1;
	}
	eval->noutcomes = n;
	eval->outcome_of = outcome_of;
	outcomes_begin(eval, CurrentMemoryContext);
	while (lead_stream_next(stream))
		outcomes_add(eval, &stream->lead);
	outcomes_finish(eval);
}

Datum
funnel_outcomes(PG_FUNCTION_ARGS)
{
	Outcomes   *eval;
	OutcomeRow	row;
	text	   *from_stage;
	text	  **outcomes;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval = palloc0(sizeof(Outcomes));
	from_stage = arg_text(fcinfo, 1, "from_stage");
	outcomes = arg_texts(fcinfo, 2, "outcomes", 1, &eval->noutcomes);
	eval->period = arg_period(fcinfo, 3);
	eval->as_of = arg_as_of(fcinfo, 4);
	eval->since = PG_ARGISNULL(5) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(5);
	eval->horizon = PG_UINT64_MAX;
	run_outcomes(fcinfo, eval, cohort_getarg(fcinfo, 0), from_stage, outcomes);

	while (outcomes_next(eval, &row))
	{
		Datum		values[8] = {0};
		bool		nulls[8] = {false};

		values[0] = Float8GetDatum((double) row.elapsed / DAY_MICROSECONDS);
		values[1] = PointerGetDatum(outcomes[row.outcome]);
		values[2] = Int64GetDatum(row.at_risk);
		values[3] = Int64GetDatum(row.events);
		values[4] = Float8GetDatum(row.probability);
		values[5] = Float8GetDatum(row.se);
		nulls[6] = nulls[7] = !row.bounded;
		if (row.bounded)
		{
			values[6] = Float8GetDatum(row.low);
			values[7] = Float8GetDatum(row.high);
		}
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}

/* An interval in microseconds that may be zero, but not negative. */
static uint64
arg_elapsed(FunctionCallInfo fcinfo, int n)
{
	const Interval *interval;

	arg_not_null(fcinfo, n, "elapsed");
	interval = PG_GETARG_INTERVAL_P(n);
	if (interval_span(interval) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"elapsed\" must not be negative"),
				 errdetail("It is %s.",
						   DatumGetCString(DirectFunctionCall1(interval_out,
															   IntervalPGetDatum(interval)))),
				 errhint("Say how long after the entry, as in '90 days'.")));
	return interval_limit(interval);
}

Datum
funnel_conversion_at(PG_FUNCTION_ARGS)
{
	Outcomes   *eval;
	OutcomeRow	row;
	text	   *from_stage;
	text	  **outcomes;
	text	   *to_stage;
	text	  **exits;
	int			nexits;
	double		probability = 0;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval = palloc0(sizeof(Outcomes));
	from_stage = arg_text(fcinfo, 1, "from_stage");
	to_stage = arg_text(fcinfo, 2, "to_stage");
	eval->horizon = arg_elapsed(fcinfo, 3);
	exits = arg_texts(fcinfo, 4, "exits", 0, &nexits);
	eval->period = arg_period(fcinfo, 5);
	eval->as_of = arg_as_of(fcinfo, 6);
	eval->since = DT_NOBEGIN;

	/* to_stage is outcome 0 */
	eval->noutcomes = 1 + nexits;
	outcomes = palloc(eval->noutcomes * sizeof(text *));
	outcomes[0] = to_stage;
	memcpy(outcomes + 1, exits, nexits * sizeof(text *));
	run_outcomes(fcinfo, eval, cohort_getarg(fcinfo, 0), from_stage, outcomes);

	while (outcomes_next(eval, &row))
		if (row.outcome == 0)
			probability = row.probability;

	/* nobody was watched for so long, and of some it is open what they come to */
	if (eval->reached == 0 && (eval->entered == 0 || eval->censored > 0))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(probability);
}
