/*
 * moves.h
 *	  How leads go from stage to stage: for each pair of stages, how often and
 *	  by how many leads a stay in the one was followed by a stay in the other,
 *	  and how long the stays in the one were. Counting only; knows nothing of
 *	  SQL.
 */
#ifndef FUNNEL_MOVES_H
#define FUNNEL_MOVES_H

#include "args.h"
#include "samples.h"

/* What precedes a lead's first stay, and what follows its open one. */
#define MOVE_NOWHERE	PG_UINT32_MAX

/* From one stay to the next; from and to are equal where only the ref changes. */
typedef struct Move
{
	uint32		from;			/* label code, or MOVE_NOWHERE */
	uint32		to;				/* label code, or MOVE_NOWHERE */
	int64		transitions;
	int64		leads;
	int64		last_lead;		/* number of the lead counted last */
	Key			example;		/* the first of the leads */
	Samples		durations;		/* of the stays that ended, microseconds */
} Move;

/* One evaluation: moves_begin(), then moves_add() for each lead. */
typedef struct Moves
{
	Move	   *moves;			/* in the order of their first occurrence */
	uint32		n;

	/* may be set after moves_begin() */
	bool		stays;			/* durations too, and the stays that are open */
	Period		period;			/* of the entry into from (of a lead's first stay:
								 * into to); all of time */

	/* private */
	uint32		allocated;
	uint32		nstages;		/* labels below are stages */
	int64		nleads;			/* added so far */
	uint32	   *table;			/* of few stages: by pair, number of move + 1 */
	struct movehash_hash *hash; /* of many */
	MemoryContext cxt;
} Moves;

/* cxt is where the results live. */
extern void moves_begin(Moves *moves, uint32 nstages, MemoryContext cxt);

/*
 * Adds the moves among the lead's first n events. A lead is added once; the
 * first that makes a move is the example of it.
 */
extern void moves_add(Moves *moves, const Lead *lead, int64 n);

#endif							/* FUNNEL_MOVES_H */
