/*
 * cohort_agg.h
 *	  The state that all aggregates over rows (lead, stage or channel, at, ...)
 *	  share, and its life: transition, hand-over between workers, combining.
 */
#ifndef FUNNEL_COHORT_AGG_H
#define FUNNEL_COHORT_AGG_H

#include "cohort.h"

/* What few states need. */
typedef struct RowExtra
{
	Cohort		pile;			/* pieces that came from workers */
	text	   *from_stage;		/* row aggregates: the stages asked about */
	text	   *to_stage;		/* NULL in that of aging(), which asks about one */
	int64		as_of;			/* of aging() */
} RowExtra;

typedef struct RowState
{
	EventBuffer buffer;			/* unused (no dict) in a state combined only */
	int64		ignored;
	RowExtra   *extra;			/* NULL if none */
} RowState;

/*
 * The state as a cohort that reads it, in the current context. Reading leaves
 * the state the bag of events that it is, so that any number of aggregates can
 * share it; but it must be over before the next row is added.
 */
extern void row_state_cohort(FunctionCallInfo fcinfo, RowState *state,
							 Cohort *cohort);

/* Is the state that of an aggregate without groups? */
extern bool row_state_is_whole(FunctionCallInfo fcinfo);

#endif							/* FUNNEL_COHORT_AGG_H */
