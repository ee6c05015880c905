/*
 * stays.h
 *	  A lead's stays: maximal runs of consecutive stage events with one stage
 *	  and one ref, touches in between ignored. All questions about stages are
 *	  asked of stays.
 */
#ifndef FUNNEL_STAYS_H
#define FUNNEL_STAYS_H

#include "lead.h"

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

/* The last non-NULL amount of the stay; false if it has none. */
extern bool stay_amount(const Stay *stay, const Lead *lead, uint32 nstages,
						Amount *amount);

/* The last non-NULL amount of the lead up to the end of the stay. */
extern bool stay_amount_so_far(const Stay *stay, const Lead *lead,
							   uint32 nstages, Amount *amount);

#endif							/* FUNNEL_STAYS_H */
