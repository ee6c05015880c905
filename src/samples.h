/*
 * samples.h
 *	  Durations in microseconds, measured as time elapsed or time worked, and
 *	  gathered to give their mean and quantiles in days. Both depend on the
 *	  durations only, not on the order of adding.
 */
#ifndef FUNNEL_SAMPLES_H
#define FUNNEL_SAMPLES_H

#include "calendar.h"
#include "utils/float.h"

#define DAY_MICROSECONDS	86400000000.0

/* Elapsed days; in unsigned, because the range of times exceeds an int64. */
static inline double
days_between(int64 from, int64 to)
{
	if (to == PG_INT64_MAX)
		return get_float8_infinity();
	return (double) ((uint64) to - (uint64) from) / DAY_MICROSECONDS;
}

/*
 * From a time to a later one; with a calendar (NULL: without) only its working
 * time counts, and days are working days.
 */
static inline uint64
duration_between(const Calendar *calendar, int64 from, int64 to)
{
	if (calendar != NULL)
		return (uint64) calendar_between(calendar, from, to);
	return (uint64) to - (uint64) from;
}

static inline double
duration_days(const Calendar *calendar, uint64 duration)
{
	if (calendar != NULL)
		return calendar_days(calendar, (int64) duration);
	return (double) duration / DAY_MICROSECONDS;
}

typedef struct Samples
{
	MemoryContext cxt;
	const Calendar *calendar;	/* if durations are measured by one; NULL at first */
	uint64	   *values;
	int64		n;
	int64		allocated;
	int128		sum;
} Samples;

extern void samples_init(Samples *samples, MemoryContext cxt);
extern void samples_enlarge(Samples *samples);

static inline void
samples_add(Samples *samples, uint64 value)
{
	if (unlikely(samples->n == samples->allocated))
		samples_enlarge(samples);
	samples->values[samples->n++] = value;
	samples->sum += value;
}

/* Both: days; not for an empty collection. */
extern double samples_mean(const Samples *samples);

/* Interpolates as percentile_cont does; fraction is in 0 .. 1. */
extern double samples_quantile(const Samples *samples, double fraction);

#endif							/* FUNNEL_SAMPLES_H */
