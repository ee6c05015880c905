/*
 * event_stats.h
 *	  What the stored form of a cohort says ahead of its events.
 */
#ifndef FUNNEL_EVENT_STATS_H
#define FUNNEL_EVENT_STATS_H

/* What holds for a whole bag of events. */
typedef struct EventStats
{
	int64		events;
	int64		first_at;		/* undefined without events */
	int64		last_at;
	uint64		unit;			/* greatest common divisor of all differences
								 * of times; 0 if all are the same */
	bool		rich;			/* has any event an amount or a ref? */
} EventStats;

extern void event_stats_init(EventStats *stats);
extern void event_stats_merge(EventStats *stats, const EventStats *other);
extern void event_stats_add_time(EventStats *stats, int64 at);

/*
 * The unit with one more time: the gcd of the differences of all times is that
 * of their differences to any one of them, the reference.
 */
extern uint64 event_stats_unit(uint64 unit, int64 at, int64 reference);

#endif							/* FUNNEL_EVENT_STATS_H */
