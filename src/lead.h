/*
 * lead.h
 *	  One lead's events as plain arrays: what every evaluation works on.
 *
 * Labels are codes in the dictionary of the stream that delivers the lead,
 * numbered in canonical order with the stages first; so events in canonical
 * order are ordered by (at, label, amount, ref), and code < nstages tells a
 * stage event from a touch.
 */
#ifndef FUNNEL_LEAD_H
#define FUNNEL_LEAD_H

#include "datatype/timestamp.h"

#include "amount.h"
#include "key.h"

typedef struct Lead
{
	Key			key;
	int64		n;
	int64	   *at;				/* microseconds, as timestamptz */
	uint32	   *label;
	bool		rich;			/* may events have amounts and refs? */
	Amount	   *amount;			/* only if rich */
	Key		   *ref;			/* only if rich; KEY_NONE is NULL */
	int64		allocated;
	MemoryContext cxt;			/* owns the arrays */
} Lead;

extern void lead_init(Lead *lead, bool rich, MemoryContext cxt);
extern void lead_enlarge(Lead *lead, int64 n);
extern void lead_copy_event(Lead *to, int64 i, const Lead *from, int64 j);

static inline void
lead_reserve(Lead *lead, int64 n)
{
	if (unlikely(n > lead->allocated))
		lead_enlarge(lead, n);
}

/* Event i of a rich lead has neither amount nor ref. */
static inline void
lead_set_plain(Lead *lead, int64 i)
{
	memset(&lead->amount[i], 0, sizeof(Amount));
	memset(&lead->ref[i], 0, sizeof(Key));
	lead->ref[i].kclass = KEY_NONE;
}

/* Canonical order of two events of a lead. */
extern int	lead_cmp_events(const Lead *lead, int64 i, int64 j);

/* Puts the events into canonical order. */
extern void lead_sort(Lead *lead);

/* Number of events before as_of; events are in canonical order. */
static inline int64
lead_count_before(const Lead *lead, int64 as_of)
{
	int64		lo = 0,
				hi = lead->n;

	if (hi == 0 || lead->at[hi - 1] < as_of)
		return hi;
	while (lo < hi)
	{
		int64		mid = lo + (hi - lo) / 2;

		if (lead->at[mid] < as_of)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

#endif							/* FUNNEL_LEAD_H */
