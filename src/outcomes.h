/*
 * outcomes.h
 *	  What becomes of the leads that enter a stage: the cumulative incidence of
 *	  each of several competing outcomes over the time since the entry, while
 *	  some leads are still open and others came under observation late. Counting
 *	  and estimating only; knows nothing of SQL.
 */
#ifndef FUNNEL_OUTCOMES_H
#define FUNNEL_OUTCOMES_H

#include "args.h"
#include "stays.h"

#define NO_OUTCOME	(-1)

/* What is known of one outcome at one time. */
typedef struct OutcomeRow
{
	uint64		elapsed;		/* microseconds since the entry */
	int			outcome;		/* its number */
	int64		at_risk;		/* leads under observation and open just before */
	int64		events;			/* those of them with this outcome now */
	double		probability;	/* of the outcome by now */
	double		se;
	bool		bounded;		/* are there low and high? */
	double		low;
	double		high;
} OutcomeRow;

/*
 * One evaluation: filled in by the caller up to horizon, then outcomes_begin(),
 * outcomes_add() for each lead, outcomes_finish(), and outcomes_next() until it
 * returns false.
 */
typedef struct Outcomes
{
	uint32		nstages;		/* labels below are stages */
	uint32		from_stage;		/* label code; of no label if it does not occur */
	int			noutcomes;
	const int  *outcome_of;		/* by stage: number of the outcome, or NO_OUTCOME */
	Period		period;			/* of the entry into from_stage */
	int64		as_of;			/* events from here on do not exist */
	int64		since;			/* those before were not recorded */
	uint64		horizon;		/* microseconds; what comes later is not asked for */

	/* results */
	int64		reached;		/* leads observed for as long as the horizon */
	int64		censored;		/* leads still open when they were not */
	int64		entered;		/* leads that count at all */
	double		open;			/* share without an outcome after the last row */

	/* private: the changes of the risk set in order of time, and where we are */
	struct RiskChange *changes;
	int64		nchanges;
	int64		allocated;
	int64		next;
	struct Incidence *incidences;	/* by outcome */
	int64		at_risk;
	uint64		elapsed;		/* the time that is being reported */
	int64		leaving;		/* leads with any outcome at that time */
	int64		leaving_left;	/* those of them not yet reported */
	int64		total;			/* leads with any outcome until then, ... */
	/* ... of those that weigh, because open was not 0 yet */
	double		open_before;	/* open just before that time */
	double		greenwood;		/* sum of d / (n (n - d)), that time included */
	double		greenwood_before;
	int64		run;			/* see next_time() */
	int64		run_size;
	int64		run_left;
	double		run_open;
	double		run_greenwood;
} Outcomes;

/* cxt is where it keeps what it gathers. */
extern void outcomes_begin(Outcomes *eval, MemoryContext cxt);
extern void outcomes_add(Outcomes *eval, const Lead *lead);
extern void outcomes_finish(Outcomes *eval);

/* The rows, by time and number of the outcome; false at the end. */
extern bool outcomes_next(Outcomes *eval, OutcomeRow *row);

#endif							/* FUNNEL_OUTCOMES_H */
