/*
 * journeys.h
 *	  A lead's conversions and the touches that led to each: what every question
 *	  of attribution is asked of. Knows nothing of SQL.
 *
 * A conversion is a stay in the conversion's stage; where a lead has several
 * refs, the stays of one ref in that stage are one conversion unless that ref
 * was in another stage between them, whatever other refs did meanwhile. The
 * milestones of a conversion with a ref are entries of that ref, or of none;
 * those of a conversion without a ref are entries of any.
 */
#ifndef FUNNEL_JOURNEYS_H
#define FUNNEL_JOURNEYS_H

#include "args.h"
#include "credit.h"
#include "stays.h"

/* Which conversions and which touches. Filled in by the caller. */
typedef struct JourneyScope
{
	uint32		nstages;		/* labels below are stages, ... */
	uint32		nlabels;		/* ... from there on channels */
	uint32		conversion;		/* stage; of no label if it does not occur */
	Period		period;			/* of the entry into it */
	int64		as_of;			/* events from here on do not exist */
	const bool *channels;		/* by label: does it count? NULL: all do */
	uint64		lookback;		/* touches are at most so much older */
	uint32		milestones[MILESTONES_MAX]; /* stages */
	int			nmilestones;
} JourneyScope;

typedef struct Conversion
{
	int64		at;
	int64		first;			/* its touches, in the arrays of Journeys; ... */
	int64		n;				/* ... may be none */
	Amount		amount;
	Key			ref;
} Conversion;

/* The journeys of one lead. */
typedef struct Journeys
{
	JourneyScope scope;

	/* of the lead last read */
	bool		converts;		/* ever before as_of, in the period or not? */
	Conversion *conversions;	/* in the period, by time */
	int64		nconversions;
	int64	   *milestones;		/* of each conversion, as many as there are: see Journey */
	int64	   *touch_at;		/* all touches that count, in canonical order */
	uint32	   *touch_channel;
	int64		ntouches;

	/* private */
	Stays		stays;
	const Stay **by_ref;		/* stays; by_ref, goes_on and repeats where a lead has several refs */
	int64	   *goes_on;		/* by stay: the next one of the same conversion, or -1 */
	bool	   *repeats;		/* by stay: was that ref in this stage before? */
	int64	   *conversion_of;	/* by stay: the conversion that it begins, or -1 */
	int64	   *entries;		/* room for times of entries */
	int64		stays_allocated;
	int64		conversions_allocated;
	int64		touches_allocated;
	MemoryContext cxt;
} Journeys;

/* scope must have been filled in. */
extern void journeys_init(Journeys *journeys, MemoryContext cxt);

/* Reads a lead; what is said of it is valid until the next one. */
extern void journeys_read(Journeys *journeys, const Lead *lead);

/*
 * The path of a lead that never converts, as if it had ended with its last
 * touch: which must lie in the period, and the lookback is counted back from
 * there. False if there is none.
 */
extern bool journeys_unfinished(const Journeys *journeys, int64 *first, int64 *n);

static inline Journey
conversion_journey(const Journeys *journeys, const Conversion *conversion)
{
	Journey		journey = {
		.at = journeys->touch_at + conversion->first,
		.channel = journeys->touch_channel + conversion->first,
		.n = conversion->n,
		.milestones = journeys->milestones +
			(conversion - journeys->conversions) * journeys->scope.nmilestones
	};

	return journey;
}

#endif							/* FUNNEL_JOURNEYS_H */
