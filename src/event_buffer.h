/*
 * event_buffer.h
 *	  The bag of events that an aggregate gathers, and its delivery lead by
 *	  lead.
 *
 * Appending writes a fixed-size record to the end of a list of chunks, one
 * list for each class of keys: nothing is hashed, looked up or moved. Only
 * when all events are there are they grouped: records are distributed over
 * ranges of the key small enough for the cache, and each range is sorted as
 * its leads are asked for. The order of delivery is that of key_cmp().
 */
#ifndef FUNNEL_EVENT_BUFFER_H
#define FUNNEL_EVENT_BUFFER_H

#include "lead.h"
#include "label.h"

typedef struct EventChunk EventChunk;

typedef struct EventList
{
	char	   *write;			/* where the next record goes */
	char	   *limit;			/* end of the chunk that write is in */
	EventChunk *head;
	EventChunk *tail;
} EventList;

/*
 * Small, and what appending touches together: with many groups, each row finds
 * the buffer of its group outside the cache.
 */
typedef struct EventBuffer
{
	EventList  *lists[KEY_CLASSES];	/* NULL until needed */
	EventList	first;			/* room for the one that most often is all */
	bool		rich;			/* do records have amount and ref? */
	uint32		arena_left;
	char	   *arena;			/* room for texts that records point to */
	LabelDict  *dict;			/* not owned; labels are its codes */
	MemoryContext cxt;			/* owns everything */
} EventBuffer;

extern void event_buffer_init(EventBuffer *buffer, LabelDict *dict, bool rich,
							  MemoryContext cxt);

/*
 * Adds one event; what key, amount and ref point to is copied. amount and ref
 * are looked at only in a rich buffer; NULL stands for none.
 */
extern void event_buffer_append(EventBuffer *buffer, const Key *key, int64 at,
								uint32 label, const Amount *amount,
								const Key *ref);

extern int64 event_buffer_count(const EventBuffer *buffer);

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

typedef struct EventSort EventSort;

/*
 * Distributes the events, reading the buffer only, or, with consume, emptying
 * it and freeing its memory on the way (texts stay in the buffer's context).
 * used[] has an element for each label of the dictionary and is set for those
 * that occur. The result lives in cxt, which is to be deleted as a whole.
 */
extern EventSort *event_sort_begin(EventBuffer *buffer, bool consume,
								   EventStats *stats, bool *used,
								   MemoryContext cxt);

/*
 * Delivers the next lead, its events in canonical order, with labels mapped
 * through map[] (by dictionary code; its values must be in canonical order).
 */
extern bool event_sort_next(EventSort *sort, const uint32 *map, Lead *lead);

/* The key of the lead that comes next. */
extern bool event_sort_peek(EventSort *sort, Key *key);

extern void event_sort_rewind(EventSort *sort);

#endif							/* FUNNEL_EVENT_BUFFER_H */
