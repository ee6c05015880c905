/*
 * event_buffer.c
 *	  Appending events.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "event_record.h"

#define CHUNK_FIRST		256		/* bytes, header included; then doubled ... */
#define CHUNK_LAST		(256 * 1024)	/* ... up to this */
#define ARENA_LAST		(64 * 1024)	/* of texts */

void
event_buffer_init(EventBuffer *buffer, LabelDict *dict, bool rich,
				  MemoryContext cxt)
{
	memset(buffer, 0, sizeof(EventBuffer));
	buffer->cxt = cxt;
	buffer->dict = dict;
	buffer->rich = rich;
}

/* Makes room for one more record; the way out of the fast path. */
static EventList *
list_extend(EventBuffer *buffer, KeyClass kclass, int recsize)
{
	EventList  *list = buffer->lists[kclass];
	EventChunk *chunk;
	Size		size = CHUNK_FIRST;

	if (list == NULL)
	{
		list = buffer->first.tail == NULL ? &buffer->first :
			MemoryContextAllocZero(buffer->cxt, sizeof(EventList));
		buffer->lists[kclass] = list;
	}
	else if (list->tail != NULL)
	{
		list->tail->size = (uint32) (list->write - list->tail->data);
		size = Min(((Size) (list->limit - (char *) list->tail)) * 2, CHUNK_LAST);
	}
	chunk = MemoryContextAlloc(buffer->cxt, size);
	chunk->next = NULL;
	chunk->size = 0;
	if (list->tail == NULL)
		list->head = chunk;
	else
		list->tail->next = chunk;
	list->tail = chunk;
	list->write = chunk->data;
	list->limit = (char *) chunk + size;
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
		Size		size = buffer->arena == NULL ? CHUNK_FIRST : ARENA_LAST;

		size = Max(size, need);
		buffer->arena = MemoryContextAlloc(buffer->cxt, size);
		buffer->arena_left = (uint32) size;
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

int64
event_list_records(const EventList *list, int recsize)
{
	int64		bytes = 0;

	if (list == NULL)
		return 0;
	for (const EventChunk *chunk = list->head; chunk != NULL; chunk = chunk->next)
		bytes += chunk_bytes(list, chunk);
	return bytes / recsize;
}

int64
event_buffer_count(const EventBuffer *buffer)
{
	int64		n = 0;

	for (int c = 0; c < KEY_CLASSES; c++)
		n += event_list_records(buffer->lists[c], record_size(c, buffer->rich));
	return n;
}
