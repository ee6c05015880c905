/*
 * forecast_sql.c
 *	  SQL functions that forecast() and required_leads() are made of: what open
 *	  leads will bring, what the steps of a funnel have come to, and how many
 *	  leads suffice.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "cohort_value.h"
#include "compat.h"
#include "forecast.h"
#include "interrupts.h"
#include "outcomes.h"
#include "predict.h"
#include "rows.h"
#include "samples.h"

PG_FUNCTION_INFO_V1(funnel_forecast_sums);
PG_FUNCTION_INFO_V1(funnel_forecast_chances);
PG_FUNCTION_INFO_V1(funnel_step_chances);
PG_FUNCTION_INFO_V1(funnel_leads_that_suffice);

/* What the arguments of a forecast come to. */
typedef struct ForecastCall
{
	Forecast	eval;
	text	  **stages;			/* those that are forecast */
	text	  **won;
	int			nwon;
	LeadStream *stream;			/* of the leads that may be open, or NULL */
	int		   *stage_of;		/* by its codes */
} ForecastCall;

/* By label code, what a stage is to the forecast. */
static int *
map_stages(const ForecastCall *call, LeadStream *stream)
{
	int		   *stage_of = palloc_extended(((Size) stream->nlabels + 1) * sizeof(int),
										   MCXT_ALLOC_HUGE);

	for (uint32 i = 0; i <= stream->nlabels; i++)
		stage_of[i] = FORECAST_OTHER;
	for (int i = 0; i < call->eval.nstages; i++)
		stage_of[lead_stream_find(stream, false, VARDATA_ANY(call->stages[i]),
								  (uint32) VARSIZE_ANY_EXHDR(call->stages[i]))] = i;
	for (int i = 0; i < call->nwon; i++)
		stage_of[lead_stream_find(stream, false, VARDATA_ANY(call->won[i]),
								  (uint32) VARSIZE_ANY_EXHDR(call->won[i]))] = FORECAST_WON;
	return stage_of;
}

/*
 * Reads the arguments open_leads, history, stages, won, horizon, as_of and
 * period, and learns from history.
 */
static ForecastCall *
forecast_call(FunctionCallInfo fcinfo)
{
	ForecastCall *call = palloc0(sizeof(ForecastCall));
	Forecast   *eval = &call->eval;
	MemoryContext one = row_context();

	call->stages = arg_texts(fcinfo, 2, "stages", 0, &eval->nstages);
	call->won = arg_texts(fcinfo, 3, "won", 0, &call->nwon);
	arg_not_null(fcinfo, 4, "horizon");
	eval->horizon = interval_limit(PG_GETARG_INTERVAL_P(4));
	eval->as_of = arg_as_of(fcinfo, 5);
	eval->period = arg_period(fcinfo, 6);
	forecast_begin(eval, CurrentMemoryContext);
	if (!PG_ARGISNULL(1))
	{
		LeadStream *stream = lead_stream_open(cohort_getarg(fcinfo, 1), CurrentMemoryContext);
		int		   *stage_of = map_stages(call, stream);

		while (lead_stream_next(stream))
		{
			MemoryContext old = MemoryContextSwitchTo(one);

			forecast_learn(eval, &stream->lead, stream->nstages, stage_of);
			MemoryContextSwitchTo(old);
			MemoryContextReset(one);
		}
	}
	if (!PG_ARGISNULL(0))
	{
		call->stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
		call->stage_of = map_stages(call, call->stream);
	}
	return call;
}

static Datum
float8_array(const double *numbers, int n)
{
	Datum		values[4];

	Assert(n <= (int) lengthof(values));
	for (int i = 0; i < n; i++)
		values[i] = Float8GetDatum(numbers[i]);
	return PointerGetDatum(construct_array(values, n, FLOAT8OID, sizeof(float8),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Sums over open leads that evaluation does not need. */
typedef struct OpenSums
{
	int64		wins;			/* in the period counted */
	AmountSum	won;
	AmountSum	open;			/* own amounts of the stage */
} OpenSums;

/* Adds the wins of a lead in a period. */
static void
count_wins(ForecastCall *call, const Period *period, OpenSums *total)
{
	const Lead *lead = &call->stream->lead;
	const Stays *stays = &call->eval.stays;

	forecast_stays(&call->eval, lead, call->stream->nstages);
	FOR_INTERRUPTIBLE(i, stays->n)
		if (call->stage_of[stays->stays[i].stage] == FORECAST_WON &&
			in_period(period, stays->stays[i].entered_at))
		{
			total->wins++;
			amount_sum_add(&total->won, &call->eval.amounts[i]);
		}
}

static bool
all_finite(const double *numbers, int n)
{
	for (int i = 0; i < n; i++)
		if (!isfinite(numbers[i]))
			return false;
	return true;
}

/*
 * Intervals are widened to what is expected: where none of the past was won, it
 * is 0, however sure some of many leads will be won. Of amounts whose squares are
 * beyond float8 there is none.
 */
static void
put_sum(FunctionCallInfo fcinfo, const ForecastCall *call, text *stage,
		const ForecastSum *sum, const OpenSums *open, const WonAmounts *worth, bool count)
{
	double		outside = (1 - PG_GETARG_FLOAT8(8)) / 2;
	bool		judged = sum->leads == 0 || sum->unjudged < sum->leads;
	double		deals[3] = {sum->deals.mean, sum->deals.squares, sum->deals.variance};
	double		amounts[4] = {sum->amount.mean, sum->amount.variance, sum->amount.least, sum->amount.most};
	double		of_wins[4] = {worth->mean, won_variance(worth), (double) worth->n, worth->negative};
	Datum		values[16] = {0};
	bool		nulls[16];

	memset(nulls, true, sizeof(nulls));
	if (stage != NULL)
		SET(0, PointerGetDatum(stage));
	SET(1, Int64GetDatum(sum->leads));
	SET(2, Int64GetDatum(sum->unjudged));
	if (sum->leads > 0)
		SET(3, Float8GetDatum(sum->days / (double) sum->leads));
	nulls[4] = !amount_sum_numeric(&open->open, &values[4]);
	if (judged)
	{
		SET(5, Float8GetDatum(sum->wins));
		SET(6, Float8GetDatum(fmin(wins_quantile(&sum->deals, outside), floor(sum->wins + 1e-9))));
		SET(7, Float8GetDatum(fmax(wins_quantile(&sum->deals, 1 - outside), ceil(sum->wins - 1e-9))));
		SET(11, float8_array(deals, 3));
	}
	if (judged && !sum->unvalued && isfinite(sum->expected))
	{
		SET(8, Float8GetDatum(sum->expected));
		if (!sum->unbounded && all_finite(amounts, 4))
		{
			SET(9, Float8GetDatum(fmin(amount_quantile(&sum->amount, outside), sum->expected)));
			SET(10, Float8GetDatum(fmax(amount_quantile(&sum->amount, 1 - outside), sum->expected)));
			SET(12, float8_array(amounts, 4));
		}
	}
	if (count)
	{
		SET(13, Int64GetDatum(open->wins));
		nulls[14] = !amount_sum_numeric(&open->won, &values[14]);
	}
	if (all_finite(of_wins, 4) && isfinite(worth->mean * worth->mean))
		SET(15, float8_array(of_wins, 4));
	put_row(fcinfo, values, nulls);
}

Datum
funnel_forecast_sums(PG_FUNCTION_ARGS)
{
	ForecastCall *call;
	Forecast   *eval;
	OpenSums	total = {0};
	OpenSums   *sums;
	bool		count = !PG_ARGISNULL(7);
	Period		counted;

	InitMaterializedSRF(fcinfo, 0);
	arg_not_null(fcinfo, 8, "confidence");
	call = forecast_call(fcinfo);
	eval = &call->eval;
	counted = arg_period(fcinfo, 7);
	sums = palloc0(((Size) eval->nstages + 1) * sizeof(OpenSums));
	if (call->stream != NULL)
		while (lead_stream_next(call->stream))
		{
			Stay		stay;
			Amount		amount;

			if (forecast_open(eval, &call->stream->lead, call->stream->nstages,
							  call->stage_of, &stay, &amount))
			{
				amount_sum_add(&sums[call->stage_of[stay.stage]].open, &amount);
				amount_sum_add(&total.open, &amount);
			}
			if (count)
				count_wins(call, &counted, &total);
		}
	forecast_evaluate(eval);
	for (int i = 0; i < eval->nstages; i++)
		put_sum(fcinfo, call, call->stages[i], &eval->stages[i].sum, &sums[i],
				&eval->stages[i].won, false);
	put_sum(fcinfo, call, NULL, &eval->sum, &total, &eval->won, count);
	PG_RETURN_NULL();
}

/* What a row of forecast_chances() shows of a lead. */
typedef struct ChanceLead
{
	Key			lead;
	Key			ref;
	Amount		amount;
	int64		entered_at;
} ChanceLead;

static void
keep_key(Key *to, const Key *from)
{
	*to = *from;
	if (from->kclass == KEY_TEXT)
	{
		char	   *bytes = palloc(Max(from->len, 1));

		memcpy(bytes, from->bytes, from->len);
		to->bytes = bytes;
	}
}

Datum
funnel_forecast_chances(PG_FUNCTION_ARGS)
{
	ForecastCall *call;
	Forecast   *eval;
	ChanceLead *leads;
	int64		n = 0;
	int64		allocated = 64;
	MemoryContext rows;

	InitMaterializedSRF(fcinfo, 0);
	call = forecast_call(fcinfo);
	eval = &call->eval;
	leads = palloc(allocated * sizeof(ChanceLead));
	while (call->stream != NULL && lead_stream_next(call->stream))
	{
		const Lead *lead = &call->stream->lead;
		ChanceLead *kept;
		Stay		stay;
		Amount		amount;

		if (!forecast_open(eval, lead, call->stream->nstages, call->stage_of, &stay, &amount))
			continue;
		if (n == allocated)
		{
			allocated *= 2;
			leads = repalloc_huge(leads, (Size) allocated * sizeof(ChanceLead));
		}
		kept = &leads[n++];
		keep_key(&kept->lead, &lead->key);
		kept->ref.kclass = KEY_NONE;
		if (lead->rich)
			keep_key(&kept->ref, &lead->ref[stay.last]);
		kept->amount = amount;
		if (amount.kind == AMOUNT_TEXT)
		{
			char	   *bytes = palloc(amount.len);

			memcpy(bytes, amount.text, amount.len);
			kept->amount.text = bytes;
		}
		kept->entered_at = stay.entered_at;
	}
	forecast_evaluate(eval);

	rows = row_context();
	for (int s = 0; s < eval->nstages; s++)
		for (int64 i = 0; i < eval->stages[s].nopen; i++)
		{
			const OpenLead *open = &eval->stages[s].open[i];
			const ChanceLead *lead = &leads[open->number];
			MemoryContext old = MemoryContextSwitchTo(rows);
			Datum		values[9] = {0};
			bool		nulls[9];

			CHECK_FOR_INTERRUPTS();
			memset(nulls, true, sizeof(nulls));
			SET(0, key_text_datum(&lead->lead));
			if (lead->ref.kclass != KEY_NONE)
				SET(1, key_text_datum(&lead->ref));
			SET(2, PointerGetDatum(call->stages[s]));
			SET(3, TimestampTzGetDatum(lead->entered_at));
			SET(4, Float8GetDatum((double) open->age / DAY_MICROSECONDS));
			if (lead->amount.kind != AMOUNT_NONE)
				SET(5, amount_numeric(&lead->amount));
			if (!isnan(open->probability))
			{
				SET(6, Float8GetDatum(open->probability));
				SET(7, Int64GetDatum(open->rests_on));
				if (open->probability == 0 || !isnan(open->amount))
					SET(8, Float8GetDatum(open->probability == 0 ? 0 :
										  open->probability * open->amount));
			}
			put_row(fcinfo, values, nulls);
			MemoryContextSwitchTo(old);
			MemoryContextReset(rows);
		}
	PG_RETURN_NULL();
}

/* A point of the curve of one step: who has come to the last step by then. */
typedef struct CurvePoint
{
	double		days;
	double		probability;
	double		se;
} CurvePoint;

/* The leads of a step and what becomes of them. */
typedef struct StepCurve
{
	Outcomes	eval;
	uint64	   *watched;		/* by lead that entered: until as_of */
	int64		allocated;
	CurvePoint *points;
	int64		npoints;
	int64		converted;
} StepCurve;

static void
step_add(StepCurve *step, const Lead *lead, int64 n)
{
	int64		entered = step->eval.entered;

	outcomes_add(&step->eval, lead);
	if (step->eval.entered == entered)
		return;
	if (entered == step->allocated)
	{
		step->allocated *= 2;
		step->watched = repalloc_huge(step->watched, (Size) step->allocated * sizeof(uint64));
	}
	for (int64 i = 0; i < n; i++)
	{
		check_interrupts_at(i);
		if (lead->label[i] == step->eval.from_stage)
		{
			step->watched[entered] = (uint64) step->eval.as_of - (uint64) lead->at[i];
			break;
		}
	}
}

/* The curve, for as long as enough leads have been watched, and the window. */
static void
step_finish(StepCurve *step, uint64 within)
{
	int64		allocated = 64;
	OutcomeRow	row;

	outcomes_finish(&step->eval);
	within = Min(within, forecast_enough(step->watched, step->eval.entered));
	step->points = palloc(allocated * sizeof(CurvePoint));
	while (outcomes_next(&step->eval, &row) && row.elapsed <= within)
	{
		CurvePoint *point;

		check_interrupts_at(step->npoints);
		if (step->npoints == allocated)
		{
			allocated *= 2;
			step->points = repalloc_huge(step->points, (Size) allocated * sizeof(CurvePoint));
		}
		point = &step->points[step->npoints++];
		point->days = (double) row.elapsed / DAY_MICROSECONDS;
		point->probability = row.probability;
		point->se = row.se;
		step->converted += row.events;
	}
}

/*
 * For as many leads as a probability with this error is worth: as a share of so
 * many would have it.
 */
static double
worth_of(int64 entered, double probability, double se)
{
	if (probability <= 0 || probability >= 1 || se <= 0)
		return (double) entered;
	return Min(probability * (1 - probability) / (se * se), (double) entered);
}

/*
 * step_chances(cohort, steps, within, as_of, quantile): for each step but the
 * last what becomes of the leads that enter it.
 */
Datum
funnel_step_chances(PG_FUNCTION_ARGS)
{
	LeadStream *stream;
	StepCurve  *curves;
	text	  **steps;
	int			nsteps;
	uint64		within;
	int64		as_of;
	double		quantile;
	int		   *outcome_of;
	uint32		last;
	int64		last_entered = 0;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	steps = arg_texts(fcinfo, 1, "steps", 2, &nsteps);
	within = arg_limit(fcinfo, 2, "within");
	as_of = arg_as_of(fcinfo, 3);
	arg_not_null(fcinfo, 4, "confidence");
	quantile = PG_GETARG_FLOAT8(4);

	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	curves = palloc0(nsteps * sizeof(StepCurve));
	outcome_of = palloc_extended(((Size) stream->nlabels + 1) * sizeof(int), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i <= stream->nlabels; i++)
		outcome_of[i] = NO_OUTCOME;
	last = find_stage(fcinfo, stream, steps[nsteps - 1]);
	outcome_of[last] = 0;
	for (int i = 0; i < nsteps - 1; i++)
	{
		Outcomes   *eval = &curves[i].eval;

		eval->nstages = stream->nstages;
		eval->from_stage = find_stage(fcinfo, stream, steps[i]);
		eval->noutcomes = 1;
		eval->outcome_of = outcome_of;
		eval->period.first = PG_INT64_MIN;
		eval->period.last = PG_INT64_MAX;
		eval->as_of = as_of;
		eval->since = DT_NOBEGIN;
		eval->horizon = PG_UINT64_MAX;
		outcomes_begin(eval, CurrentMemoryContext);
		curves[i].allocated = 64;
		curves[i].watched = palloc(curves[i].allocated * sizeof(uint64));
	}
	while (lead_stream_next(stream))
	{
		const Lead *lead = &stream->lead;
		int64		n = lead_count_before(lead, as_of);

		for (int i = 0; i < nsteps - 1; i++)
			step_add(&curves[i], lead, n);
		for (int64 i = 0; i < n; i++)
		{
			check_interrupts_at(i);
			if (lead->label[i] == last)
			{
				last_entered++;
				break;
			}
		}
	}

	for (int i = 0; i < nsteps; i++)
	{
		StepCurve  *curve = &curves[i];
		int64		entered = i < nsteps - 1 ? curve->eval.entered : last_entered;
		Datum		values[9] = {0};
		bool		nulls[9];

		memset(nulls, true, sizeof(nulls));
		SET(0, Int32GetDatum(i + 1));
		SET(1, PointerGetDatum(steps[i]));
		SET(2, Int64GetDatum(entered));
		if (i < nsteps - 1 && entered > 0)
		{
			CurvePoint	none = {0};
			const CurvePoint *end = &none;
			const CurvePoint *in_time = &none;
			double		share = 0;

			step_finish(curve, within);
			if (curve->npoints > 0)
			{
				/* of n wins, the next may be later than all of them */
				share = (double) curve->converted / (double) (curve->converted + 1);
				end = in_time = &curve->points[curve->npoints - 1];
				for (int64 j = curve->npoints - 1; j >= 0 &&
					 curve->points[j].probability * share >= quantile * end->probability; j--)
				{
					check_interrupts_at(j);
					in_time = &curve->points[j];
				}
				SET(6, Float8GetDatum(in_time->days));
				SET(8, Float8GetDatum(end->days));
			}
			SET(3, Float8GetDatum(end->probability));
			SET(4, Float8GetDatum(worth_of(entered, end->probability, end->se)));
			SET(5, Float8GetDatum(in_time->probability * share));
			SET(7, Float8GetDatum(worth_of(entered, in_time->probability, in_time->se)));
		}
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}

/*
 * An argument that is an array of n numbers; false if it is NULL, or one of them
 * is no number.
 */
static bool
arg_numbers(FunctionCallInfo fcinfo, int arg, int n, double *numbers)
{
	ArrayType  *array;

	if (PG_ARGISNULL(arg))
		return false;
	array = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != n || ARR_HASNULL(array))
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("argument %d must be a list of %d numbers", arg + 1, n)));
	memcpy(numbers, ARR_DATA_PTR(array), n * sizeof(double));
	return all_finite(numbers, n);
}

/* What leads are to bring. */
typedef struct Requirement
{
	double		target;
	double		confidence;
	double		rate;			/* mean of what is known of it, ... */
	double		rate_variance;	/* ... as a beta distribution */
	double		wins[3];		/* moments of what comes anyway */
	bool		in_amount;
	double		amount[4];		/* moments of what it brings */
	double		worth[4];		/* mean, variance, number of amounts; is one negative? */
} Requirement;

/* More are not counted. */
#define MOST_LEADS	1e15

/* So near to a number is it for all that rounding leaves of it. */
#define ROUNDING	1e-12

/* The probability that n leads bring less. */
static double
falls_short(const Requirement *need, double n)
{
	double		p = need->rate;
	WinsPrediction wins;
	AmountPrediction amount;
	double		mean = need->worth[0];
	double		variance = need->worth[1];
	double		of_mean;
	double		reach;

	wins.mean = n * p + need->wins[0];
	wins.squares = n * p * p + need->wins[1];
	wins.variance = n * n * need->rate_variance + need->wins[2];
	if (!need->in_amount)
		return wins_at_most(&wins, ceil(need->target) - 1);

	of_mean = variance / need->worth[2];
	reach = 4 * sqrt(n * variance + n * n * of_mean);
	amount.mean = n * p * mean + need->amount[0];
	amount.variance = n * (p * (variance + mean * mean) - p * p * mean * mean) +
		n * n * (need->rate_variance * mean * mean + p * p * of_mean) + need->amount[1];
	amount.least = need->amount[2] + Min(n * mean, 0) - (need->worth[3] != 0 ? reach : 0);
	amount.most = need->amount[3] + Max(n * mean, 0) + reach;
	amount.none = wins_at_most(&wins, 0);
	return amount_at_most(&amount, need->target * (1 - ROUNDING));
}

/*
 * leads_that_suffice(target, confidence, rate, known, open_wins, open_amount,
 * worth): the least number of leads of which the target is to be had with the
 * confidence, if each is won with a probability that as good as known leads have
 * shown to be rate; NULL if there is none that can be counted. The target is an
 * amount if one is worth something, else a number of wins.
 */
Datum
funnel_leads_that_suffice(PG_FUNCTION_ARGS)
{
	Requirement need = {0};
	double		doubt;
	double		too_few = -1;
	double		enough = 0;

	for (int i = 0; i < 3; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	need.target = PG_GETARG_FLOAT8(0);
	need.confidence = PG_GETARG_FLOAT8(1);
	need.rate = PG_GETARG_FLOAT8(2);
	need.in_amount = !PG_ARGISNULL(6);
	if (!arg_numbers(fcinfo, 4, 3, need.wins) || need.wins[0] < 0 || need.wins[1] < 0 ||
		!(need.rate >= 0 && need.rate <= 1) || !isfinite(need.target))
		PG_RETURN_NULL();
	if (need.in_amount && !(arg_numbers(fcinfo, 5, 4, need.amount) &&
							arg_numbers(fcinfo, 6, 4, need.worth) && need.worth[2] > 0))
		PG_RETURN_NULL();
	if (!PG_ARGISNULL(3))
	{
		double		known = PG_GETARG_FLOAT8(3);

		if (!(known >= 0 && isfinite(known)))
			PG_RETURN_NULL();
		need.rate = (known * need.rate + 0.5) / (known + 1);
		need.rate_variance = need.rate * (1 - need.rate) / (known + 2);
	}
	doubt = (1 - need.confidence) * (1 + ROUNDING);
	while (!(falls_short(&need, enough) <= doubt))
	{
		if (enough >= MOST_LEADS)
			PG_RETURN_NULL();
		too_few = enough;
		enough = Min(Max(enough * 2, 1), MOST_LEADS);
	}
	while (enough - too_few > 1)
	{
		double		middle = floor((too_few + enough) / 2);

		if (falls_short(&need, middle) <= doubt)
			enough = middle;
		else
			too_few = middle;
	}
	PG_RETURN_INT64((int64) enough);
}
