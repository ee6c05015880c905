/*
 * stages.h
 *	  How long leads stay in stages, and in which they are now: stays by stage,
 *	  ages of open stays, and stays held against a limit. Counting only; knows
 *	  nothing of SQL.
 *
 * All evaluations begin with a StayScope, which the caller fills in, and are
 * fed a lead at a time.
 */
#ifndef FUNNEL_STAGES_H
#define FUNNEL_STAGES_H

#include "args.h"
#include "samples.h"
#include "stays.h"

/*
 * An infinite age, and what an infinite SLA allows: longer than all that are
 * finite, but not than each other.
 */
#define FOREVER		(NO_LIMIT - 1)

/* Which stays are looked at, and how they are measured. */
typedef struct StayScope
{
	uint32		nstages;		/* labels below are stages */
	Period		period;			/* of the entry into the stay */
	int64		as_of;			/* events from here on do not exist */
	const Calendar *calendar;	/* by which time is measured, or NULL */
} StayScope;

/*
 * How long a stay is open at as_of; FOREVER if that is the end of time.
 */
extern uint64 stay_age(const StayScope *scope, const Stay *stay);

/* What an interval allows, in the microseconds that stays are measured in. */
extern uint64 stay_allowance(const StayScope *scope, const Interval *interval);

/* ------------------------------------------------------------------------
 * Stays by stage
 * ------------------------------------------------------------------------
 */

typedef struct StageCount
{
	int64		leads;
	int64		entries;
	int64		current;		/* stays that are open */
	Samples		durations;		/* of those that ended */
	Samples		ages;			/* of those that are open; none if as_of is the
								 * end of time */
	uint64		oldest;			/* of the ages */
	int64		last_lead;		/* private: number of the lead counted last */
} StageCount;

typedef struct Stages
{
	StayScope	scope;
	StageCount *stages;			/* by label */

	/* private */
	int64		nleads;			/* added so far */
	Stays		stays;
} Stages;

/* cxt is where the results live. */
extern void stages_begin(Stages *eval, MemoryContext cxt);
extern void stages_add(Stages *eval, const Lead *lead);

/* ------------------------------------------------------------------------
 * Aging: leads by stage and age; the period plays no part
 * ------------------------------------------------------------------------
 */

typedef struct Aging
{
	StayScope	scope;
	const bool *exits;			/* by stage: leads in it are left out */
	int			nbounds;
	const int128 *bounds;		/* microseconds, ascending: bucket i is below
								 * bounds[i], the last one above them all */
	int64	  **counts;			/* by stage, then bucket; NULL: no leads */

	/* private */
	MemoryContext cxt;
} Aging;

extern void aging_begin(Aging *eval, MemoryContext cxt);
extern void aging_add(Aging *eval, const Lead *lead);

/* ------------------------------------------------------------------------
 * Service levels
 * ------------------------------------------------------------------------
 */

typedef struct SlaCount
{
	uint64		allowed;		/* microseconds, or NO_LIMIT: not counted */
	int64		entries;
	int64		met;			/* left within the limit */
	int64		breached;		/* left later, or open for longer */
	int64		pending;		/* open, not longer */
} SlaCount;

typedef struct Sla
{
	StayScope	scope;
	SlaCount   *stages;			/* by label; the caller sets what is allowed */

	/* private */
	Stays		stays;
} Sla;

/* Nothing is allowed yet: all stages have NO_LIMIT. */
extern void sla_begin(Sla *eval, MemoryContext cxt);
extern void sla_add(Sla *eval, const Lead *lead);

/* Is the lead's open stay, which is returned with its age, past its limit? */
extern bool sla_stale(const Sla *eval, const Lead *lead, Stay *stay, uint64 *age);

#endif							/* FUNNEL_STAGES_H */
