/*
 * interrupts.h
 *	  Long work that a cancel, a timeout or the end of the session can stop.
 *
 * One lead may have millions of events, one cohort millions of labels, and one
 * value a gigabyte. What goes over them in a loop or at once looks for
 * interrupts every few milliseconds, and so seldom that it costs nothing.
 */
#ifndef FUNNEL_INTERRUPTS_H
#define FUNNEL_INTERRUPTS_H

#include "miscadmin.h"

#define INTERRUPT_STEPS		16384	/* turns of a loop between two looks */
#define INTERRUPT_BYTES		((Size) 1024 * 1024)	/* moved between two looks */

/* For a loop that counts with i. */
static inline void
check_interrupts_at(int64 i)
{
	if (unlikely((i & (INTERRUPT_STEPS - 1)) == INTERRUPT_STEPS - 1))
		CHECK_FOR_INTERRUPTS();
}

/*
 * For i from 0 to n - 1, without any cost to a turn; n is evaluated once. It
 * can be left by return or goto only: break would end a stretch of turns.
 */
#define FOR_INTERRUPTIBLE(i, n) \
	for (int64 i = 0, i##_n = (n), i##_end; i < i##_n; check_interrupts_if(i < i##_n)) \
		for (i##_end = Min(i + INTERRUPT_STEPS, i##_n); i < i##_end; i++)

static inline void
check_interrupts_if(bool more)
{
	if (unlikely(more))
		CHECK_FOR_INTERRUPTS();
}

/* memcpy() */
static inline void
copy_bytes(char *to, const char *from, Size size)
{
	while (unlikely(size > INTERRUPT_BYTES))
	{
		memcpy(to, from, INTERRUPT_BYTES);
		to += INTERRUPT_BYTES;
		from += INTERRUPT_BYTES;
		size -= INTERRUPT_BYTES;
		CHECK_FOR_INTERRUPTS();
	}
	memcpy(to, from, size);
}

/* memmove() */
static inline void
move_bytes(char *to, const char *from, Size size)
{
	if (to <= from)
		while (size > INTERRUPT_BYTES)
		{
			memmove(to, from, INTERRUPT_BYTES);
			to += INTERRUPT_BYTES;
			from += INTERRUPT_BYTES;
			size -= INTERRUPT_BYTES;
			CHECK_FOR_INTERRUPTS();
		}
	else
		while (size > INTERRUPT_BYTES)
		{
			size -= INTERRUPT_BYTES;
			memmove(to + size, from + size, INTERRUPT_BYTES);
			CHECK_FOR_INTERRUPTS();
		}
	memmove(to, from, size);
}

/* memset() to zero */
static inline void
zero_bytes(char *to, Size size)
{
	while (unlikely(size > INTERRUPT_BYTES))
	{
		memset(to, 0, INTERRUPT_BYTES);
		to += INTERRUPT_BYTES;
		size -= INTERRUPT_BYTES;
		CHECK_FOR_INTERRUPTS();
	}
	memset(to, 0, size);
}

/* memcmp() == 0 */
static inline bool
equal_bytes(const char *a, const char *b, Size size)
{
	while (size > INTERRUPT_BYTES)
	{
		if (memcmp(a, b, INTERRUPT_BYTES) != 0)
			return false;
		a += INTERRUPT_BYTES;
		b += INTERRUPT_BYTES;
		size -= INTERRUPT_BYTES;
		CHECK_FOR_INTERRUPTS();
	}
	return memcmp(a, b, size) == 0;
}

/* Memory that is all zero; it may be huge. */
static inline void *
alloc_zeroed(MemoryContext cxt, Size size)
{
	void	   *memory = MemoryContextAllocExtended(cxt, size, MCXT_ALLOC_HUGE);

	zero_bytes(memory, size);
	return memory;
}

#endif							/* FUNNEL_INTERRUPTS_H */
