/*
 * event_buffer.h
 *	  The bag of events that an aggregate gathers.
 *
 * Appending writes a fixed-size record to the end of a list of chunks, one
 * list for each class of keys: nothing is hashed, looked up or moved. Only
 * when all events are there are they grouped, by event_sort.h.
 */
#ifndef FUNNEL_EVENT_BUFFER_H
#define FUNNEL_EVENT_BUFFER_H

#include "lead.h"
#include "label.h"

/*
 * Records in chunks of EVENT_CHUNK_RECORDS: those in full[] have as many, the
 * one at base is being filled, and as the first one grows by doubling.
 */
#ifdef USE_ASSERT_CHECKING
#define EVENT_CHUNK_RECORDS	256 /* so that tests have many of them, and spill */
#else
#define EVENT_CHUNK_RECORDS	16384
#endif

typedef struct EventChunks
{
	int64		n;
	int64		allocated;
	char	   *room;			/* for as many more */
	int64		nroom;
	char	   *chunk[FLEXIBLE_ARRAY_MEMBER];
} EventChunks;

typedef struct EventList
{
	char	   *write;			/* where the next record goes */
	char	   *limit;			/* end of the chunk that write is in */
	char	   *base;			/* its begin */
	EventChunks *full;			/* NULL if none */
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
	bool		grown;			/* by much, since it was last set to false */
	bool		in_pieces;		/* while records are moved: after an error it is no bag of events */
	uint32		arena_left;
	char	   *arena;			/* room for texts that records point to */
	LabelDict  *dict;			/* not owned; labels are its codes */
	MemoryContext cxt;			/* owns everything */
	struct EventArena *arenas;	/* its blocks, the latest first */
	struct EventShare *share;	/* of its pool; NULL while it is small */
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

/* Bytes that it takes, and what is counted beside it; but for what a small one has of texts and in reserve. */
extern Size event_buffer_bytes(const EventBuffer *buffer);

/* Empties a buffer and gives its memory back. */
extern void event_buffer_reset(EventBuffer *buffer);

/* Memory of all buffers of this backend, but for those of a kilobyte. */
extern Size event_buffers_bytes(void);

/*
 * Is that more than it may be, and the buffer's pool a good part of it? Buffers
 * in one memory context, which are filled at the same time, are a pool.
 */
extern bool event_pool_is_due(const EventBuffer *buffer, Size most);

/* Counts memory that is in use beside a buffer, until the buffer is emptied. */
extern void event_buffer_count_bytes(EventBuffer *buffer, Size bytes);

/* Has the larger ones of the buffer's pool emptied, by event_buffer_reset(). */
extern void event_pool_empty(EventBuffer *buffer, void (*empty) (EventBuffer *));

/* Number of records in one list; NULL is an empty one. */
extern int64 event_list_records(const EventList *list, int recsize);

#endif							/* FUNNEL_EVENT_BUFFER_H */
