/*
 * paths_sql.c
 *	  SQL functions about the ways of leads: variants(), which paths they take;
 *	  trace(), what each did at the steps of a funnel, and why; and compare(),
 *	  whether one cohort converts better than another.
 */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "cohort_value.h"
#include "compat.h"
#include "paths_sql.h"
#include "rows.h"
#include "steps_sql.h"
#include "variants.h"

PG_FUNCTION_INFO_V1(funnel_variants);
PG_FUNCTION_INFO_V1(funnel_trace);
PG_FUNCTION_INFO_V1(funnel_compare);

/* The longest text that, with the rest of its row, can be allocated. */
#define PATH_TEXT_MAX	(MaxAllocSize - 1024)

/* ------------------------------------------------------------------------
 * Variants
 * ------------------------------------------------------------------------
 */

int32
arg_most(FunctionCallInfo fcinfo, int n)
{
	int32		most;

	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"most\" must not be null"),
				 errhint("Pass the number of paths to show, or leave the argument out.")));
	most = PG_GETARG_INT32(n);
	if (most <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"most\" must be positive"),
				 errdetail("It is %d.", most),
				 errhint("Pass the number of paths to show; a large one shows all.")));
	return most;
}

Datum
path_datum(const Paths *paths, const Path *path, const char *what, const char *hint)
{
	uint64		length = path_text_length(paths, path);
	text	   *result;

	if (length > PATH_TEXT_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("path of " INT64_FORMAT " %s is too long to be shown", path->length, what),
				 errdetail("Its text would have " UINT64_FORMAT " bytes.", length),
				 errhint("%s", hint)));
	result = palloc(VARHDRSZ + length);
	SET_VARSIZE(result, VARHDRSZ + length);
	path_text(paths, path, VARDATA(result));
	return PointerGetDatum(result);
}

Datum
funnel_variants(PG_FUNCTION_ARGS)
{
	int32		most;
	int64		as_of;
	LeadStream *stream;
	Variants	variants;
	MemoryContext rows;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	most = arg_most(fcinfo, 1);
	as_of = arg_as_of(fcinfo, 2);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	variants_begin(&variants, stream->labels, stream->nstages, CurrentMemoryContext);
	while (lead_stream_next(stream))
		variants_add(&variants, &stream->lead, lead_count_before(&stream->lead, as_of));
	variants_choose(&variants, most);

	rows = row_context();
	for (uint32 i = 0; i < variants.paths.nchosen; i++)
	{
		uint32		number = variants.paths.chosen[i];
		const Path *path = &variants.paths.paths[number];
		MemoryContext old = MemoryContextSwitchTo(rows);
		Datum		values[5];
		bool		nulls[5] = {false};

		CHECK_FOR_INTERRUPTS();
		values[0] = path_datum(&variants.paths, path, "stays",
							   "Leave out stages with funnel.without(), or shorten their names with funnel.relabel().");
		values[1] = Int32GetDatum((int32) path->length);
		values[2] = Int64GetDatum(path->count);
		values[3] = Float8GetDatum((double) path->count / (double) variants.nleads);
		values[4] = Float8GetDatum(path_median_days(&variants, number));
		put_row(fcinfo, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
	}
	PG_RETURN_NULL();
}

/* ------------------------------------------------------------------------
 * Trace
 * ------------------------------------------------------------------------
 */

/* By StepsWhy. They are true in each mode that gives them. */
static const char *const why_words[] = {
	[WHY_NEVER] = "never entered it",
	[WHY_PERIOD] = "outside the period",
	[WHY_WINDOW_OPEN] = "window still open",
	[WHY_WINDOW] = "outside the window",
	[WHY_BEFORE] = "entered it only before",
	[WHY_BETWEEN] = "another stay came between",
	[WHY_USED] = "last entered it for an earlier step",
};

Datum
funnel_trace(PG_FUNCTION_ARGS)
{
	Steps	   *eval;
	StepsTrace *trace;
	text	  **steps;
	LeadStream *stream;
	Datum		why[lengthof(why_words)];
	MemoryContext rows;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval = palloc0(sizeof(Steps));
	steps = steps_args(fcinfo, 1, eval);
	eval->trace = trace = palloc(sizeof(StepsTrace));
	stream = steps_open(fcinfo, eval, cohort_getarg(fcinfo, 0), steps);
	for (Size i = 0; i < lengthof(why_words); i++)
		why[i] = CStringGetTextDatum(why_words[i]);

	rows = row_context();
	while (lead_stream_next(stream))
	{
		MemoryContext old = MemoryContextSwitchTo(rows);
		Datum		key = key_text_datum(&stream->lead.key);

		steps_add(eval, &stream->lead);
		for (int i = 0; i < eval->nsteps; i++)
		{
			uint64		step = UINT64CONST(1) << i;
			Datum		values[6] = {0};
			bool		nulls[6] = {false};

			values[0] = key;
			values[1] = Int32GetDatum(i + 1);
			values[2] = PointerGetDatum(steps[i]);
			nulls[3] = !(trace->entered & step);
			if (!nulls[3])
				values[3] = TimestampTzGetDatum(trace->at[i]);
			values[4] = BoolGetDatum((trace->reached & step) != 0);
			nulls[5] = (i != trace->missing);
			if (!nulls[5])
				values[5] = why[trace->why];
			put_row(fcinfo, values, nulls);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
	}
	PG_RETURN_NULL();
}

/* ------------------------------------------------------------------------
 * Compare
 * ------------------------------------------------------------------------
 */

/* Of n > 0 leads, k converted. */
typedef struct Rate
{
	int64		n;
	int64		k;
} Rate;

static double
rate_value(const Rate *rate)
{
	return (double) rate->k / (double) rate->n;
}

/* b - a; exact but for the last rounding, also where they are nearly equal. */
static double
rate_difference(const Rate *a, const Rate *b)
{
	int128		over = (int128) b->k * a->n - (int128) a->k * b->n;

	return (double) over / ((double) a->n * (double) b->n);
}

/*
 * The 95% interval of the difference: Newcombe's hybrid score interval, of the
 * Wilson intervals of the two rates. Where those end at 0 and 1, it ends at
 * -1 and 1.
 */
static void
difference_interval(const Rate *a, const Rate *b, double *low, double *high)
{
	double		p_a = rate_value(a);
	double		p_b = rate_value(b);
	double		difference = rate_difference(a, b);
	double		low_a,
				high_a,
				low_b,
				high_b;

	wilson_interval(a->k, a->n, &low_a, &high_a);
	wilson_interval(b->k, b->n, &low_b, &high_b);
	*low = difference - hypot(p_b - low_b, high_a - p_a);
	*high = difference + hypot(high_b - p_b, p_a - low_a);
}

/*
 * The two-sided p-value of the test that both rates are one, by the normal
 * distribution, with the variance of the pooled rate; false where there is no
 * variance. In terms of erfc(), since 1 - erf() would have nothing left of a
 * small one.
 */
static bool
same_rate_probability(const Rate *a, const Rate *b, double *p)
{
	double		n = (double) a->n + (double) b->n;
	double		k = (double) a->k + (double) b->k;
	double		variance;

	if (k == 0 || k == n)
		return false;
	variance = k / n * ((n - k) / n) * (n / ((double) a->n * (double) b->n));
	*p = erfc(fabs(rate_difference(a, b)) / sqrt(2 * variance));
	return true;
}

/* The leads of a cohort at the first of two steps, and those that went on. */
static Rate
count_rate(Steps *eval, LeadStream *stream)
{
	Rate		rate;

	steps_count(eval, stream);
	rate.n = eval->steps[0].leads;
	rate.k = steps_converted(eval, 1);
	return rate;
}

Datum
funnel_compare(PG_FUNCTION_ARGS)
{
	Steps	   *eval;
	text	   *steps[2];
	LeadStream *stream_a,
			   *stream_b;
	Rate		a,
				b;
	Datum		values[10] = {0};
	bool		nulls[10];
	double		low,
				high,
				p;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	eval = palloc0(sizeof(Steps));
	eval->nsteps = 2;
	steps[0] = arg_text(fcinfo, 2, "from_stage");
	steps[1] = arg_text(fcinfo, 3, "to_stage");
	eval->within = arg_limit(fcinfo, 4, "within");
	eval->mode = arg_mode(fcinfo, 5);
	eval->period = arg_period(fcinfo, 6);
	eval->as_of = arg_as_of(fcinfo, 7);
	/* one after the other: they may be one cohort */
	stream_a = steps_open(NULL, eval, cohort_getarg(fcinfo, 0), steps);
	a = count_rate(eval, stream_a);
	stream_b = steps_open(NULL, eval, cohort_getarg(fcinfo, 1), steps);
	b = count_rate(eval, stream_b);

	/* that a stage occurs in one of them only may well be */
	for (int i = 0; i < 2; i++)
		check_stage_of_either(fcinfo, stream_a, stream_b, steps[i]);

	memset(nulls, true, sizeof(nulls));
	SET(0, Int64GetDatum(a.n));
	SET(1, Int64GetDatum(a.k));
	if (a.n > 0)
		SET(2, Float8GetDatum(rate_value(&a)));
	SET(3, Int64GetDatum(b.n));
	SET(4, Int64GetDatum(b.k));
	if (b.n > 0)
		SET(5, Float8GetDatum(rate_value(&b)));
	if (a.n > 0 && b.n > 0)
	{
		difference_interval(&a, &b, &low, &high);
		SET(6, Float8GetDatum(rate_difference(&a, &b)));
		SET(7, Float8GetDatum(low));
		SET(8, Float8GetDatum(high));
		if (same_rate_probability(&a, &b, &p))
			SET(9, Float8GetDatum(p));
	}
	put_row(fcinfo, values, nulls);
	PG_RETURN_NULL();
}
