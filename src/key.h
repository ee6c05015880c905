/*
 * key.h
 *	  The identity of a lead, or of the record (ref) an event belongs to.
 *
 * A key is the text form of an SQL value, held in one of four classes, so
 * that the common ones are compared as two machine words. The class is a
 * function of the text form alone: integer 42, text '42' and numeric 42.0
 * are one key, and no two text forms share one. Keys are ordered by class,
 * then (hi, lo), then, for KEY_TEXT, by bytes; this is the order in which a
 * cohort stores its leads.
 *
 *	KEY_INT		canonical decimal int64; hi is the value, offset to unsigned
 *	KEY_PACKED	at most 20 of [-0-9A-Z_a-z], six bits each from the top of
 *				(hi, lo), the length in the lowest byte: CRM identifiers
 *	KEY_UUID	a uuid in its canonical spelling; 16 bytes, big-endian
 *	KEY_TEXT	anything else; hi is a hash of the bytes, lo is unused
 */
#ifndef FUNNEL_KEY_H
#define FUNNEL_KEY_H

#include "fmgr.h"
#include "lib/stringinfo.h"

typedef enum KeyClass
{
	KEY_INT,
	KEY_PACKED,
	KEY_UUID,
	KEY_TEXT,
	KEY_NONE					/* no key: the ref of an event without one */
} KeyClass;

#define KEY_CLASSES		4		/* those that a lead can have */
#define KEY_PACKED_MAX	20
#define KEY_BYTES_MAX	65535	/* longest text form of a key or label */
#define KEY_TEXT_BUF	40		/* room for the text of all but KEY_TEXT */

typedef struct Key
{
	uint64		hi;
	uint64		lo;
	const char *bytes;			/* KEY_TEXT only; not terminated, not owned */
	uint32		len;
	KeyClass	kclass;
} Key;

#define KEY_INT_SIGN	(UINT64CONST(1) << 63)

static inline void
key_from_int64(Key *key, int64 value)
{
	key->hi = (uint64) value ^ KEY_INT_SIGN;
	key->lo = 0;
	key->bytes = NULL;
	key->len = 0;
	key->kclass = KEY_INT;
}

static inline int64
key_int64(const Key *key)
{
	return (int64) (key->hi ^ KEY_INT_SIGN);
}

/* Total order of keys, which is the order of leads in a cohort. */
static inline int
key_cmp(const Key *a, const Key *b)
{
	if (a->kclass != b->kclass)
		return a->kclass < b->kclass ? -1 : 1;
	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	if (a->kclass == KEY_TEXT)
	{
		int			c = memcmp(a->bytes, b->bytes, Min(a->len, b->len));

		if (c != 0)
			return c;
		if (a->len != b->len)
			return a->len < b->len ? -1 : 1;
	}
	return 0;
}

/*
 * Reads the Datums of one SQL type as keys; kept in fn_extra. Initialising
 * looks the type up once; reading does no catalog access but for the output
 * functions of types this module does not know.
 */
typedef struct KeyReader
{
	Oid			type;			/* base type */
	bool		cstring;		/* an unknown literal */
	FmgrInfo	output;			/* for other types */
} KeyReader;

extern void key_reader_init(KeyReader *reader, Oid type, MemoryContext cxt);

/*
 * key->bytes may point into the Datum or into memory of the current context.
 * Errors: a text form over KEY_BYTES_MAX bytes (program_limit_exceeded).
 */
extern void key_read(KeyReader *reader, Datum value, Key *key);

extern void key_from_text(Key *key, const char *bytes, Size len);

/*
 * The text form; buf holds KEY_TEXT_BUF bytes and is used unless the key is
 * KEY_TEXT. Not terminated. Safe on any (hi, lo), however made.
 */
extern const char *key_text(const Key *key, char *buf, uint32 *len);
extern Datum key_text_datum(const Key *key);

/* Is this what key_from_text() makes of its own text form? */
extern bool key_is_canonical(const Key *key);

/* Order by text form, bytewise, KEY_NONE last: the order of refs. */
extern int	key_cmp_text(const Key *a, const Key *b);

/* A hash that is the same on every machine: it orders stored KEY_TEXT. */
extern uint64 bytes_hash(const char *bytes, Size len);

/*
 * The text form of a Datum through its type's output function, under fixed
 * settings, so that it depends on no session; palloc'd or within the Datum.
 */
extern const char *datum_text(FmgrInfo *output, Oid type, Datum value,
							  uint32 *len);

/* Errors: a type without a text form that is always the same (datatype_mismatch). */
extern void check_text_form(Oid type);

#endif							/* FUNNEL_KEY_H */
