/*
 * moves.h
 *	  How leads go from stage to stage: for each pair of stages, how often and
 *	  by how many leads a stay in the one was followed by a stay in the other.
 *	  Counting only; knows nothing of SQL.
 */
#ifndef FUNNEL_MOVES_H
#define FUNNEL_MOVES_H

#include "lead.h"

#define MOVE_FROM_NOWHERE	PG_UINT32_MAX	/* what precedes a lead's first stay */

/* From one stay to the next; from and to are equal where only the ref changes. */
typedef struct Move
{
	uint32		from;			/* label code, or MOVE_FROM_NOWHERE */
	uint32		to;				/* label code */
	int64		transitions;
	int64		leads;
	int64		last_lead;		/* number of the lead counted last */
	Key			example;		/* the first of the leads */
} Move;

/* One evaluation: moves_begin(), then moves_add() for each lead. */
typedef struct Moves
{
	Move	   *moves;			/* in the order of their first occurrence */
	uint32		n;

	/* private */
	uint32		allocated;
	uint32		nstages;		/* labels below are stages */
	int64		nleads;			/* added so far */
	struct movehash_hash *hash;
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
