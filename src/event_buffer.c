/*
 * event_buffer.c
 *	  Appending events.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "event_record.h"

/* A block of texts. */
typedef struct EventArena
{
	struct EventArena *next;
	char		bytes[FLEXIBLE_ARRAY_MEMBER];
} EventArena;

/*
 * What a query has gathered counts together, whichever buffers it is in. Small
 * ones are not counted: many of them are many groups, for which the server
 * limits memory itself.
 */
static Size all_bytes = 0;

#define FIRST_BYTES		256		/* of records, or of texts, in a new buffer */
#define ARENA_BYTES		(64 * 1024)	/* of texts in one that grows */

void
event_buffer_init(EventBuffer *buffer, LabelDict *dict, bool rich,
				  MemoryContext cxt)
{
	memset(buffer, 0, sizeof(EventBuffer));
	buffer->cxt = cxt;
	buffer->dict = dict;
	buffer->rich = rich;
}

Size
event_buffers_bytes(void)
{
	return all_bytes;
}

/* The context of a buffer goes, and the buffer with it. */
static void
buffer_is_gone(void *arg)
{
	all_bytes -= ((EventBuffer *) arg)->counted;
	((EventBuffer *) arg)->counted = 0;
}

static void
count_bytes(EventBuffer *buffer, Size bytes)
{
	if (!buffer->watched)
	{
		MemoryContextCallback *callback = MemoryContextAllocZero(buffer->cxt,
																 sizeof(MemoryContextCallback));

		callback->func = buffer_is_gone;
		callback->arg = buffer;
		MemoryContextRegisterResetCallback(buffer->cxt, callback);
		buffer->watched = true;
	}
	buffer->counted += bytes;
	all_bytes += bytes;
	buffer->grown = true;
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
		size = Min(size * 2, most);
		list->base = repalloc(list->base, size);
		if (size == most)
			count_bytes(buffer, most);
	}
	else
	{
		char	   *chunk = MemoryContextAlloc(buffer->cxt, most);

		count_bytes(buffer, most);
		Assert(used == most);
		if (list->full == NULL)
		{
			list->full = MemoryContextAlloc(buffer->cxt, offsetof(EventChunks, chunk) +
											16 * sizeof(char *));
			list->full->n = 0;
			list->full->allocated = 16;
		}
		else if (list->full->n == list->full->allocated)
		{
			list->full = repalloc_huge(list->full, offsetof(EventChunks, chunk) +
									   (Size) list->full->allocated * 2 * sizeof(char *));
			list->full->allocated *= 2;
		}
		list->full->chunk[list->full->n++] = list->base;
		list->base = chunk;
		used = 0;
		size = most;
	}
	list->write = list->base + used;
	list->limit = list->base + size;
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
		Size		size = buffer->arena == NULL ? FIRST_BYTES : ARENA_BYTES;

		EventArena *arena;

		size = Max(size, need);
		arena = MemoryContextAlloc(buffer->cxt, offsetof(EventArena, bytes) + size);
		arena->next = buffer->arenas;
		buffer->arenas = arena;
		buffer->arena = arena->bytes;
		buffer->arena_left = (uint32) size;
		if (size >= ARENA_BYTES)
			count_bytes(buffer, size);
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
	for (int c = 0; c < KEY_CLASSES; c++)
	{
		EventList  *list = buffer->lists[c];

		if (list == NULL)
			continue;
		for (int64 i = 0; list->full != NULL && i < list->full->n; i++)
			pfree(list->full->chunk[i]);
		if (list->full != NULL)
			list->full->n = 0;
		/* the last chunk begins again: another will be as large soon */
		list->write = list->base;
	}
	while (buffer->arenas != NULL)
	{
		EventArena *next = buffer->arenas->next;

		pfree(buffer->arenas);
		buffer->arenas = next;
	}
	buffer->arena_left = 0;
	all_bytes -= buffer->counted;
	buffer->counted = 0;
	for (int c = 0; c < KEY_CLASSES; c++)
	{
		EventList  *list = buffer->lists[c];

		if (list != NULL && list->limit - list->base >= EVENT_CHUNK_RECORDS * record_size(c, buffer->rich))
			count_bytes(buffer, list->limit - list->base);
	}
	buffer->grown = false;
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
