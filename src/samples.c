/*
 * samples.c
 *	  Mean and quantiles of durations.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "compat.h"
#include "interrupts.h"
#include "memory.h"
#include "samples.h"

#define BUCKETS		1024
#define FEW			64			/* so many are sorted */

void
samples_init(Samples *samples, MemoryContext cxt)
{
	memset(samples, 0, sizeof(Samples));
	samples->cxt = cxt;
}

void
samples_enlarge(Samples *samples)
{
	samples->allocated = Max(samples->allocated * 2, 32);
	samples->values = enlarge(samples->cxt, samples->values,
							  (Size) samples->allocated * sizeof(uint64));
}

double
samples_mean(const Samples *samples)
{
	uint64		whole = (uint64) (samples->sum / samples->n);
	int64		rest = (int64) (samples->sum % samples->n);

	if (samples->calendar != NULL)
		return calendar_days(samples->calendar, (int64) whole) +
			calendar_days(samples->calendar, 1) * ((double) rest / (double) samples->n);
	return ((double) whole + (double) rest / (double) samples->n) / DAY_MICROSECONDS;
}

static void
sort_few(uint64 *values, int64 n)
{
	for (int64 i = 1; i < n; i++)
	{
		uint64		v = values[i];
		int64		j;

		for (j = i; j > 0 && values[j - 1] > v; j--)
			values[j] = values[j - 1];
		values[j] = v;
	}
}

/*
 * The k-th smallest of n values, which stay as they are: values are counted in
 * buckets of equal width between the extremes, those of the bucket that the
 * k-th is in are copied out, and the search goes on among them. Reads in
 * sequence only, and hardly branches.
 */
static uint64
select_kth(const uint64 *values, int64 n, int64 k)
{
	uint64	   *copy = NULL;
	uint64		result;

	for (;;)
	{
		int64		counts[BUCKETS] = {0};
		uint64		min = values[0],
					max = values[0];
		uint64	   *inside;
		int64		m = 0;
		int64		bucket;
		int			shift;

		CHECK_FOR_INTERRUPTS();
		FOR_INTERRUPTIBLE(i, n)
		{
			min = Min(min, values[i]);
			max = Max(max, values[i]);
		}
		if (min == max)
		{
			result = min;
			break;
		}
		if (copy != NULL && n <= FEW)
		{
			sort_few(copy, n);
			result = copy[k];
			break;
		}
		shift = Max(pg_leftmost_one_pos64(max - min) + 1 - 10, 0);
		FOR_INTERRUPTIBLE(i, n)
			counts[(values[i] - min) >> shift]++;
		for (bucket = 0; counts[bucket] <= k; bucket++)
			k -= counts[bucket];
		/* one more, because a value is written before it is judged */
		inside = palloc_extended((counts[bucket] + 1) * sizeof(uint64),
								 MCXT_ALLOC_HUGE);
		FOR_INTERRUPTIBLE(i, n)
		{
			inside[m] = values[i];
			m += ((values[i] - min) >> shift) == (uint64) bucket;
		}
		Assert(m == counts[bucket]);
		if (copy != NULL)
			pfree(copy);
		values = copy = inside;
		n = m;
	}
	if (copy != NULL)
		pfree(copy);
	return result;
}

double
samples_quantile(const Samples *samples, double fraction)
{
	double		place = fraction * (double) (samples->n - 1);
	int64		k = (int64) floor(place);
	uint64		low = select_kth(samples->values, samples->n, k);
	uint64		high = PG_UINT64_MAX;
	int64		up_to_low = 0;
	double		a = duration_days(samples->calendar, low);

	if (place == (double) k)
		return a;

	/* the next in order: the same again, or the smallest that is larger */
	FOR_INTERRUPTIBLE(i, samples->n)
	{
		uint64		v = samples->values[i];

		up_to_low += v <= low;
		if (v > low && v < high)
			high = v;
	}
	if (up_to_low > k + 1)
		high = low;
	return a + (place - (double) k) * (duration_days(samples->calendar, high) - a);
}
