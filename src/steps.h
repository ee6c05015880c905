/*
 * steps.h
 *	  The step funnel: how many leads take which steps, and how fast. Counting
 *	  only; knows nothing of SQL.
 */
#ifndef FUNNEL_STEPS_H
#define FUNNEL_STEPS_H

#include "args.h"
#include "samples.h"
#include "stays.h"

#define STEPS_MAX	64

typedef enum StepsMode
{
	STEPS_ORDERED,
	STEPS_STRICT,
	STEPS_ANY,
	STEPS_IMPLIED
} StepsMode;

typedef struct StepCount
{
	int64		leads;
	int64		ever;
	int64		with_previous;	/* STEPS_ANY: of leads, those at the step before */
	int64		with_first;		/* STEPS_ANY: of leads, those at step 1 */
	int64		pending;
	int64		mature;			/* leads at the previous step, window closed */
	int64		mature_reached;	/* those of them at this step */
	AmountSum	amount;
	Samples		durations;		/* from the previous step, microseconds */
} StepCount;

/* Why a lead did not take a step; "before" and "outside" are of the step's entries. */
typedef enum StepsWhy
{
	WHY_NEVER,					/* none of them */
	WHY_PERIOD,					/* outside the period */
	WHY_WINDOW_OPEN,			/* it may yet: see StepCount.pending */
	WHY_WINDOW,					/* outside the window */
	WHY_BEFORE,					/* all before the step before */
	WHY_BETWEEN,				/* another stay came between */
	WHY_USED					/* the last one is an earlier step of the chain */
} StepsWhy;

/* What one lead did. */
typedef struct StepsTrace
{
	uint64		reached;		/* bit i: step i */
	uint64		entered;		/* those of them that were entered, not implied */
	int64		at[STEPS_MAX];	/* when */
	int			missing;		/* the first step not reached, or nsteps */
	StepsWhy	why;			/* it was not reached */
} StepsTrace;

/*
 * One evaluation: filled in by the caller up to trace, then steps_begin(),
 * steps_add() for each lead, and after steps_finish() the counts are in
 * steps[].
 */
typedef struct Steps
{
	int			nsteps;
	uint32		nstages;		/* labels below are stages */
	uint64	   *step_mask;		/* by stage: bit i set if step i is that stage */
	StepsMode	mode;
	uint64		within;			/* microseconds, or NO_LIMIT */
	Period		period;			/* of the first step */
	int64		as_of;			/* events from here on do not exist */
	const Calendar *calendar;	/* by which durations are measured, or NULL; may
								 * be set after steps_begin() */
	bool		durations;		/* are they wanted? */
	bool		amounts;
	StepsTrace *trace;			/* unless NULL: of the lead added last */

	StepCount	steps[STEPS_MAX];

	/* private: scratch for one lead, and counts by length of chain */
	MemoryContext cxt;
	struct StepEntry *entries;
	int64		allocated;
	int64		length[STEPS_MAX + 1];
	int64		mature_length[STEPS_MAX + 1];
} Steps;

/* cxt is where the results live. */
extern void steps_begin(Steps *eval, MemoryContext cxt);
extern void steps_add(Steps *eval, const Lead *lead);
extern void steps_finish(Steps *eval);

/* Leads at a step, but the first, that are at the one before too. */
static inline int64
steps_converted(const Steps *eval, int step)
{
	return eval->mode == STEPS_ANY ? eval->steps[step].with_previous :
		eval->steps[step].leads;
}

/* The 95% Wilson interval of k out of n > 0. */
extern void wilson_interval(int64 k, int64 n, double *low, double *high);

#endif							/* FUNNEL_STEPS_H */
