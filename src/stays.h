/*
 * stays.h
 *	  A lead's stays: maximal runs of consecutive stage events with one stage
 *	  and one ref, touches in between ignored. All questions about stages are
 *	  asked of stays.
 */
#ifndef FUNNEL_STAYS_H
#define FUNNEL_STAYS_H

#include "lead.h"

/* Does stage event i go on with the stay that stage event j, before it, is in? */
static inline bool
same_stay(const Lead *lead, int64 j, int64 i)
{
	return lead->label[i] == lead->label[j] &&
		(!lead->rich || key_cmp(&lead->ref[i], &lead->ref[j]) == 0);
}

/* The last non-NULL amount of stage events first to last; false if none. */
extern bool last_amount(const Lead *lead, int64 first, int64 last,
						uint32 nstages, Amount *amount);

typedef struct Stay
{
	int64		entered_at;		/* time of the first event */
	int64		first;			/* event numbers within the lead */
	int64		last;
	uint32		stage;			/* label code */
} Stay;

typedef struct Stays
{
	Stay	   *stays;
	int64		n;
	int64		allocated;
	MemoryContext cxt;
} Stays;

extern void stays_init(Stays *stays, MemoryContext cxt);

/* The stays among the lead's first n events; labels below nstages are stages. */
extern void stays_build(Stays *stays, const Lead *lead, int64 n, uint32 nstages);

/*
 * The stay that the lead is in after its first n events, the last one; false
 * if it has none.
 */
extern bool stays_open(Stay *stay, const Lead *lead, int64 n, uint32 nstages);

#endif							/* FUNNEL_STAYS_H */
