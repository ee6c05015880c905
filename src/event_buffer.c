/*
 * event_buffer.c
 *	  Appending events.
 */
#include "postgres.h"

#include "lib/ilist.h"
#include "utils/memutils.h"

#include "compat.h"
#include "event_record.h"
#include "interrupts.h"
#include "memory.h"

/* A block of texts, or of chunks. */
typedef struct EventArena
{
	struct EventArena *next;
	Size		size;
	char		bytes[FLEXIBLE_ARRAY_MEMBER];
} EventArena;

#define FIRST_BYTES		256		/* of records, or of texts, in a new buffer */
#define ARENA_BYTES		(64 * 1024)	/* of texts in one that grows */
#define CHUNKS_BYTES	(8 * 1024 * 1024)	/* of chunks allocated at once, at most */
#define COUNTED_BYTES	1024	/* of records, or of a block of texts, from which they count */

#define LEAST_BYTES		(64 * 1024)	/* of a pool that is worth a run */

/* What a query has gathered counts together, whichever buffers it is in. */
static Size all_bytes = 0;

/* The buffers of one memory context, as far as they count. */
typedef struct EventPool
{
	dlist_node	node;			/* in pools */
	MemoryContext cxt;
	Size		bytes;
	int64		nshares;
	dlist_head	shares;
} EventPool;

typedef struct EventShare
{
	dlist_node	node;			/* in its pool */
	EventPool  *pool;
	EventBuffer *buffer;
	Size		bytes;
} EventShare;

static dlist_head pools = DLIST_STATIC_INIT(pools);
static int	npools = 0;

void
event_buffer_init(EventBuffer *buffer, LabelDict *dict, bool rich,
				  MemoryContext cxt)
{
	memset(buffer, 0, sizeof(EventBuffer));
	buffer->cxt = cxt;
	buffer->dict = dict;
	buffer->rich = rich;
}

/* ------------------------------------------------------------------------
 * Memory in use
 * ------------------------------------------------------------------------
 */

Size
event_buffers_bytes(void)
{
	return all_bytes;
}

bool
event_pool_is_due(const EventBuffer *buffer, Size most)
{
	Size		least = Max(most / Max(8, 2 * npools), LEAST_BYTES);

	return all_bytes > most && buffer->share != NULL && buffer->share->pool->bytes > least;
}

/* The context goes, and the pool and its buffers with it. */
static void
pool_is_gone(void *arg)
{
	EventPool  *pool = arg;

	all_bytes -= pool->bytes;
	npools--;
	dlist_delete(&pool->node);
}

static EventPool *
pool_of(MemoryContext cxt)
{
	dlist_iter	iter;
	EventPool  *pool;
	MemoryContextCallback *callback;

	/* as many as aggregations under way */
	dlist_foreach(iter, &pools)
	{
		pool = dlist_container(EventPool, node, iter.cur);
		if (pool->cxt == cxt)
			return pool;
	}
	pool = MemoryContextAllocZero(cxt, sizeof(EventPool));
	callback = MemoryContextAllocZero(cxt, sizeof(MemoryContextCallback));
	pool->cxt = cxt;
	dlist_init(&pool->shares);
	callback->func = pool_is_gone;
	callback->arg = pool;
	MemoryContextRegisterResetCallback(cxt, callback);
	dlist_push_head(&pools, &pool->node);
	npools++;
	return pool;
}

void
event_buffer_count_bytes(EventBuffer *buffer, Size bytes)
{
	EventShare *share = buffer->share;

	if (share == NULL)
	{
		share = MemoryContextAllocZero(buffer->cxt, sizeof(EventShare));
		share->pool = pool_of(buffer->cxt);
		share->buffer = buffer;
		dlist_push_head(&share->pool->shares, &share->node);
		share->pool->nshares++;
		buffer->share = share;
	}
	share->bytes += bytes;
	share->pool->bytes += bytes;
	all_bytes += bytes;
	buffer->grown = true;
}

static void
count_nothing(EventBuffer *buffer)
{
	EventShare *share = buffer->share;

	buffer->grown = false;
	if (share == NULL)
		return;
	share->pool->bytes -= share->bytes;
	all_bytes -= share->bytes;
	share->pool->nshares--;
	dlist_delete(&share->node);
	buffer->share = NULL;
	pfree(share);
}

void
event_pool_empty(EventBuffer *buffer, void (*empty) (EventBuffer *))
{
	EventPool  *pool = buffer->share->pool;
	Size		average = pool->bytes / (Size) pool->nshares;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &pool->shares)
	{
		EventShare *share = dlist_container(EventShare, node, iter.cur);

		if (share->bytes >= average)
			empty(share->buffer);
	}
}

/* ------------------------------------------------------------------------
 * Appending
 * ------------------------------------------------------------------------
 */

/* A block of its own among the buffer's; what follows is not yet its content. */
static char *
add_arena(EventBuffer *buffer, Size size)
{
	EventArena *arena = enlarge(buffer->cxt, NULL, offsetof(EventArena, bytes) + size);

	arena->next = buffer->arenas;
	arena->size = size;
	buffer->arenas = arena;
	return arena->bytes;
}

/* Ends the chunk that a list was filling, and gives it another one. */
static void
list_add_chunk(EventBuffer *buffer, EventList *list, Size size)
{
	EventChunks *full = list->full;

	if (full == NULL)
	{
		full = MemoryContextAllocZero(buffer->cxt, offsetof(EventChunks, chunk) +
									  16 * sizeof(char *));
		full->allocated = 16;
		list->full = full;
	}
	else if (full->n == full->allocated)
	{
		full = repalloc_huge(full, offsetof(EventChunks, chunk) +
							 (Size) full->allocated * 2 * sizeof(char *));
		full->allocated *= 2;
		list->full = full;
	}
	if (full->nroom == 0)
	{
		int64		n = Max(Min(full->n / 2, CHUNKS_BYTES / (int64) size), 1);

		full->room = add_arena(buffer, (Size) n * size);
		full->nroom = n;
	}
	event_buffer_count_bytes(buffer, size);
	full->chunk[full->n++] = list->base;
	list->base = list->write = full->room;
	list->limit = list->base + size;
	full->room += size;
	full->nroom--;
}

/* Makes room for one more record; the way out of the fast path. */
static EventList *
list_extend(EventBuffer *buffer, KeyClass kclass, int recsize)
{
	EventList  *list = buffer->lists[kclass];
	const Size	most = (Size) EVENT_CHUNK_RECORDS * recsize;
	Size		size;
	Size		used;

	if (list == NULL)
	{
		list = buffer->first.base == NULL ? &buffer->first :
			MemoryContextAllocZero(buffer->cxt, sizeof(EventList));
		list->base = list->write = MemoryContextAlloc(buffer->cxt, FIRST_BYTES);
		list->limit = list->base + FIRST_BYTES;
		buffer->lists[kclass] = list;
		return list;
	}
	size = (Size) (list->limit - list->base);
	used = (Size) (list->write - list->base);
	if (size < most)
	{
		Size		larger = Min(size * 2, most);

		list->base = repalloc(list->base, larger);
		list->write = list->base + used;
		list->limit = list->base + larger;
		if (larger >= COUNTED_BYTES)
			event_buffer_count_bytes(buffer, size >= COUNTED_BYTES ? larger - size : larger);
	}
	else
	{
		Assert(used == most);
		list_add_chunk(buffer, list, most);
	}
	return list;
}

static ArenaText *
arena_copy(EventBuffer *buffer, const char *bytes, uint32 len)
{
	Size		need = INTALIGN(offsetof(ArenaText, bytes) + len);
	ArenaText  *text;

	if (need > buffer->arena_left)
	{
		/* little at first, so that small groups stay small */
		Size		size = buffer->arenas == NULL ? FIRST_BYTES : buffer->arenas->size * 2;

		size = Max(Min(size, ARENA_BYTES), need);

		buffer->arena = add_arena(buffer, size);
		buffer->arena_left = (uint32) size;
		if (size >= COUNTED_BYTES)
			event_buffer_count_bytes(buffer, size);
	}
	text = (ArenaText *) buffer->arena;
	buffer->arena += need;
	buffer->arena_left -= (uint32) need;
	text->len = len;
	memcpy(text->bytes, bytes, len);
	return text;
}

static void
put_rich(EventBuffer *buffer, char *p, const Amount *amount, const Key *ref)
{
	uint64		value = 0,
				hi = 0,
				lo = 0;
	uint32		kinds = AMOUNT_NONE | (uint32) KEY_NONE << 16;

	if (amount != NULL)
	{
		kinds = amount->kind | (uint32) amount->scale << 8 | (uint32) KEY_NONE << 16;
		value = (uint64) amount->mantissa;
		if (amount->kind == AMOUNT_TEXT)
			value = (uint64) (uintptr_t) arena_copy(buffer, amount->text, amount->len);
	}
	if (ref != NULL)
	{
		kinds = (kinds & 0xFFFF) | (uint32) ref->kclass << 16;
		hi = ref->hi;
		lo = ref->lo;
		if (ref->kclass == KEY_TEXT)
			lo = (uint64) (uintptr_t) arena_copy(buffer, ref->bytes, ref->len);
	}
	put64(p, value);
	put64(p + 8, hi);
	put64(p + 16, lo);
	put32(p + 24, kinds);
}

void
event_buffer_append(EventBuffer *buffer, const Key *key, int64 at,
					uint32 label, const Amount *amount, const Key *ref)
{
	KeyClass	kclass = key->kclass;
	int			recsize = record_size(kclass, buffer->rich);
	EventList  *list = buffer->lists[kclass];
	char	   *p;

	if (unlikely(list == NULL || list->limit - list->write < recsize))
		list = list_extend(buffer, kclass, recsize);
	p = list->write;
	put64(p, key->hi);
	p += 8;
	if (kclass != KEY_INT)
	{
		put64(p, kclass == KEY_TEXT ?
			  (uint64) (uintptr_t) arena_copy(buffer, key->bytes, key->len) :
			  key->lo);
		p += 8;
	}
	put64(p, (uint64) at);
	put32(p + 8, label);
	if (buffer->rich)
		put_rich(buffer, p + 12, amount, ref);
	/* only now, so that an error above leaves no half a record */
	list->write += recsize;
}

void
event_buffer_reset(EventBuffer *buffer)
{
	buffer->in_pieces = true;
	for (int c = 0; c < KEY_CLASSES; c++)
	{
		EventList  *list = buffer->lists[c];

		if (list == NULL)
			continue;
		/* the first chunk has grown by itself, others are of arenas */
		if (list->full == NULL)
			pfree(list->base);
		else
		{
			pfree(list->full->chunk[0]);
			pfree(list->full);
		}
		if (list == &buffer->first)
			memset(list, 0, sizeof(EventList));
		else
			pfree(list);
		buffer->lists[c] = NULL;
	}
	while (buffer->arenas != NULL)
	{
		EventArena *next = buffer->arenas->next;

		CHECK_FOR_INTERRUPTS();
		pfree(buffer->arenas);
		buffer->arenas = next;
	}
	buffer->arena = NULL;
	buffer->arena_left = 0;
	count_nothing(buffer);
	buffer->in_pieces = false;
}

int64
event_list_records(const EventList *list, int recsize)
{
	if (list == NULL)
		return 0;
	return (list->full == NULL ? 0 : list->full->n * EVENT_CHUNK_RECORDS) +
		(list->write - list->base) / recsize;
}

int64
event_buffer_count(const EventBuffer *buffer)
{
	int64		n = 0;

	for (int c = 0; c < KEY_CLASSES; c++)
		n += event_list_records(buffer->lists[c], record_size(c, buffer->rich));
	return n;
}

Size
event_buffer_bytes(const EventBuffer *buffer)
{
	Size		bytes = 0;

	for (int c = 0; c < KEY_CLASSES; c++)
	{
		int			recsize = record_size(c, buffer->rich);

		bytes += (Size) event_list_records(buffer->lists[c], recsize) * (Size) recsize;
	}
	return Max(bytes, buffer->share == NULL ? 0 : buffer->share->bytes);
}
