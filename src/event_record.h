/*
 * event_record.h
 *	  How an event lies in the chunks of an event buffer: what event_buffer.c
 *	  writes and event_sort.c reads. Not for anybody else.
 *
 * A record is [key hi][key lo unless KEY_INT][at][label], and in a rich buffer
 * [amount][ref hi][ref lo][kinds] behind it, without padding: 20 bytes for
 * integer keys. Texts (long keys, long refs, amounts of many digits) stand
 * once in the arena, and the record holds a pointer to them in place of the
 * amount or the low word.
 */
#ifndef FUNNEL_EVENT_RECORD_H
#define FUNNEL_EVENT_RECORD_H

#include "event_buffer.h"

#define RICH_BYTES		28

/* A text that a record points to. */
typedef struct ArenaText
{
	uint32		len;
	char		bytes[FLEXIBLE_ARRAY_MEMBER];
} ArenaText;

static inline int
key_words(KeyClass kclass)
{
	return kclass == KEY_INT ? 1 : 2;
}

static inline int
record_size(KeyClass kclass, bool rich)
{
	return key_words(kclass) * 8 + 12 + (rich ? RICH_BYTES : 0);
}

static inline uint64
get64(const char *p)
{
	uint64		v;

	memcpy(&v, p, 8);
	return v;
}

static inline uint32
get32(const char *p)
{
	uint32		v;

	memcpy(&v, p, 4);
	return v;
}

static inline void
put64(char *p, uint64 v)
{
	memcpy(p, &v, 8);
}

static inline void
put32(char *p, uint32 v)
{
	memcpy(p, &v, 4);
}

static inline void
get_rich(const char *p, Amount *amount, Key *ref)
{
	uint32		kinds = get32(p + 24);

	memset(amount, 0, sizeof(Amount));
	amount->kind = (uint8) kinds;
	amount->scale = (uint8) (kinds >> 8);
	if (amount->kind == AMOUNT_TEXT)
	{
		ArenaText  *text = (ArenaText *) (uintptr_t) get64(p);

		amount->text = text->bytes;
		amount->len = text->len;
	}
	else
		amount->mantissa = (int64) get64(p);
	ref->kclass = (KeyClass) (kinds >> 16);
	ref->hi = get64(p + 8);
	ref->lo = get64(p + 16);
	ref->bytes = NULL;
	ref->len = 0;
	if (ref->kclass == KEY_TEXT)
	{
		ArenaText  *text = (ArenaText *) (uintptr_t) ref->lo;

		ref->lo = 0;
		ref->bytes = text->bytes;
		ref->len = text->len;
	}
}

#endif							/* FUNNEL_EVENT_RECORD_H */
