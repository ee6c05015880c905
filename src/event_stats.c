/*
 * event_stats.c
 *	  What holds for a whole bag of events, gathered and united.
 */
#include "postgres.h"

#include "event_stats.h"

void
event_stats_init(EventStats *stats)
{
	memset(stats, 0, sizeof(EventStats));
	stats->first_at = PG_INT64_MAX;
	stats->last_at = PG_INT64_MIN;
}

static uint64
gcd(uint64 a, uint64 b)
{
	while (b != 0)
	{
		uint64		r = a % b;

		a = b;
		b = r;
	}
	return a;
}

uint64
event_stats_unit(uint64 unit, int64 at, int64 reference)
{
	uint64		d = at > reference ? (uint64) at - (uint64) reference :
		(uint64) reference - (uint64) at;

	if (unit == 1 || (unit != 0 && d % unit == 0))
		return unit;
	return gcd(d, unit);
}

void
event_stats_add_time(EventStats *stats, int64 at)
{
	if (stats->first_at > stats->last_at)
		stats->first_at = stats->last_at = at;
	stats->unit = event_stats_unit(stats->unit, at, stats->first_at);
	stats->first_at = Min(stats->first_at, at);
	stats->last_at = Max(stats->last_at, at);
}

void
event_stats_merge(EventStats *stats, const EventStats *other)
{
	if (other->events == 0)
		return;
	if (stats->events == 0)
	{
		*stats = *other;
		return;
	}
	stats->unit = gcd(stats->unit, other->unit);
	stats->unit = event_stats_unit(stats->unit, other->first_at, stats->first_at);
	stats->events += other->events;
	stats->first_at = Min(stats->first_at, other->first_at);
	stats->last_at = Max(stats->last_at, other->last_at);
	stats->rich |= other->rich;
}
