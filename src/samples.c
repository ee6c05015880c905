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
	if (samples->values == NULL)
		samples->values = MemoryContextAlloc(samples->cxt,
											 samples->allocated * sizeof(uint64));
	else
		samples->values = repalloc_huge(samples->values,
										samples->allocated * sizeof(uint64));
}

double
samples_mean(const Samples *samples)
{
	int128		whole = samples->sum / samples->n;
	int64		rest = (int64) (samples->sum % samples->n);

	return ((double) whole + (double) rest / (double) samples->n) / DAY_MICROSECONDS;
}

/*
 * The k-th smallest of n values, which are moved so that it stands at k with
 * nothing larger before and nothing smaller behind it: buckets of equal width
 * between the extremes are counted, and the search goes on in the one that
 * the k-th is in.
 */
static uint64
select_kth(uint64 *values, int64 n, int64 k)
{
	int64		counts[BUCKETS];

	for (;;)
	{
		uint64		min = values[0],
					max = values[0];
		int64		below = 0,
					equal = 0,
					bucket;
		int64		i,
					j;
		int			shift;

		CHECK_FOR_INTERRUPTS();
		for (i = 1; i < n; i++)
		{
			min = Min(min, values[i]);
			max = Max(max, values[i]);
		}
		if (min == max)
			return min;
		if (n <= FEW)
		{
			for (i = 1; i < n; i++)
			{
				uint64		v = values[i];

				for (j = i; j > 0 && values[j - 1] > v; j--)
					values[j] = values[j - 1];
				values[j] = v;
			}
			return values[k];
		}
		shift = Max(pg_leftmost_one_pos64(max - min) + 1 - 10, 0);
		memset(counts, 0, sizeof(counts));
		for (i = 0; i < n; i++)
			counts[(values[i] - min) >> shift]++;
		for (bucket = 0; below + counts[bucket] <= k; bucket++)
			below += counts[bucket];
		equal = counts[bucket];

		/* three ways: smaller buckets to the front, larger to the back */
		{
			int64		front = 0,
						back = n;

			for (i = 0; i < back;)
			{
				uint64		v = values[i];
				int64		b = (int64) ((v - min) >> shift);

				if (b < bucket)
				{
					values[i++] = values[front];
					values[front++] = v;
				}
				else if (b > bucket)
				{
					values[i] = values[--back];
					values[back] = v;
				}
				else
					i++;
			}
			Assert(front == below && back == below + equal);
		}
		values += below;
		n = equal;
		k -= below;
	}
}

double
samples_quantile(Samples *samples, double fraction)
{
	double		place = fraction * (double) (samples->n - 1);
	int64		first = (int64) floor(place);
	int64		second = (int64) ceil(place);
	double		low = (double) select_kth(samples->values, samples->n, first) / DAY_MICROSECONDS;
	double		high;

	if (first == second)
		return low;
	/* the next one up is the smallest of those behind */
	high = (double) select_kth(samples->values + second, samples->n - second, 0) /
		DAY_MICROSECONDS;
	return low + (place - (double) first) * (high - low);
}
