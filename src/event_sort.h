/*
 * event_sort.h
 *	  The events of a buffer lead by lead.
 *
 * Records are distributed over ranges of the key small enough for the cache,
 * and each range is sorted as its leads are asked for. The order of delivery is
 * that of key_cmp().
 */
#ifndef FUNNEL_EVENT_SORT_H
#define FUNNEL_EVENT_SORT_H

#include "event_buffer.h"
#include "event_stats.h"

typedef struct EventSort EventSort;

/*
 * Groups the events that are in the buffer now. The records stay where they
 * are, but change places; what is appended afterwards must wait until the sort
 * is no longer used. What the sort itself needs is allocated in cxt, which is
 * to be deleted as a whole.
 */
extern EventSort *event_sort_begin(EventBuffer *buffer, EventStats *stats,
								   MemoryContext cxt);

/* The labels that occur, as codes of the buffer's dictionary. */
extern const uint32 *event_sort_labels(const EventSort *sort, uint32 *n);

/*
 * Delivers the next lead, its events in canonical order, with labels mapped
 * through map[] (by dictionary code; its values must be in canonical order).
 */
extern bool event_sort_next(EventSort *sort, const uint32 *map, Lead *lead);

/* The key of the lead that comes next. */
extern bool event_sort_peek(EventSort *sort, Key *key);

extern void event_sort_rewind(EventSort *sort);

#endif							/* FUNNEL_EVENT_SORT_H */
