/*
 * bytes.h
 *	  Reading and writing the bytes of the stored format: little-endian
 *	  whatever the machine, at any alignment.
 */
#ifndef FUNNEL_BYTES_H
#define FUNNEL_BYTES_H

#include "port/pg_bswap.h"

static inline uint64
load_le64(const char *p)
{
	uint64		v;

	memcpy(&v, p, 8);
#ifdef WORDS_BIGENDIAN
	v = pg_bswap64(v);
#endif
	return v;
}

static inline uint64
load_be64(const char *p)
{
	uint64		v;

	memcpy(&v, p, 8);
	return pg_ntoh64(v);
}

static inline void
store_le64(char *p, uint64 v)
{
#ifdef WORDS_BIGENDIAN
	v = pg_bswap64(v);
#endif
	memcpy(p, &v, 8);
}

static inline void
store_be64(char *p, uint64 v)
{
	v = pg_hton64(v);
	memcpy(p, &v, 8);
}

/* Bytes that hold v: 0 for 0, 8 for the largest. */
static inline int
byte_length(uint64 v)
{
	return v == 0 ? 0 : (71 - __builtin_clzll(v)) / 8;
}

static inline uint64
zigzag(int64 v)
{
	return (uint64) v << 1 ^ (uint64) (v >> 63);
}

static inline int64
unzigzag(uint64 v)
{
	return (int64) (v >> 1) ^ -(int64) (v & 1);
}

#define VARINT_MAX_BYTES 10

/* Base 128, low digits first; p has room for VARINT_MAX_BYTES. */
static inline char *
put_varint(char *p, uint64 v)
{
	while (v >= 0x80)
	{
		*p++ = (char) (v | 0x80);
		v >>= 7;
	}
	*p++ = (char) v;
	return p;
}

/* NULL at the end of the input or where the number is too long. */
static inline const char *
get_varint(const char *p, const char *end, uint64 *v)
{
	uint64		result = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint64		b;

		if (p >= end)
			return NULL;
		b = (unsigned char) *p++;
		if (shift == 63 && b > 1)
			return NULL;
		result |= (b & 0x7F) << shift;
		if (b < 0x80)
		{
			*v = result;
			return p;
		}
	}
	return NULL;
}

#endif							/* FUNNEL_BYTES_H */
