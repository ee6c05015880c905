/*
 * attribution.h
 *	  Which channels earned the conversions of many leads: credit by a model,
 *	  and who came first. Counting only; knows nothing of SQL.
 */
#ifndef FUNNEL_ATTRIBUTION_H
#define FUNNEL_ATTRIBUTION_H

#include "journeys.h"
#include "markov.h"

/* What a channel, or no channel, has earned. */
typedef struct ChannelCredit
{
	bool		seen;			/* is there a touch of it that counts? */
	int128		credit;			/* in units of 1 / CREDIT_ONE; not of MODEL_MARKOV */
	double		conversions;	/* the same as a number, of every model */
	AmountSum	amount;
	int64		influenced;		/* conversions with a touch of it */
	AmountSum	influenced_amount;
	int64		last_influenced;	/* number of the conversion */
} ChannelCredit;

/*
 * One evaluation. The caller fills in model and journeys.scope; then
 * attribution_begin(), attribution_add() for each lead, attribution_finish().
 * Of MODEL_MARKOV one evaluation gives the effects, by which another can split
 * each conversion: attribution_effects().
 */
typedef struct Attribution
{
	Model		model;
	int			order;			/* of MODEL_MARKOV */
	bool		include_null;	/* MODEL_MARKOV: paths that do not convert too */
	Journeys	journeys;
	Splitter	splitter;
	Chain		chain;

	/* results */
	ChannelCredit *channels;	/* by label less nstages; the last is no channel */
	uint32		nchannels;
	int64		conversions;

	/* private */
	AmountSum	attributed;		/* amounts of conversions that are in the chain */
	Amount	   *parts;
	int64		parts_allocated;
	MemoryContext cxt;
	MemoryContext work;
} Attribution;

extern void attribution_begin(Attribution *eval, MemoryContext cxt);
extern void attribution_add(Attribution *eval, const Lead *lead);
extern void attribution_finish(Attribution *eval);

/*
 * Weighs the touches of a conversion that has some; then splitter_split() of
 * CREDIT_ONE gives their credits, and attribution_split_amount() splits the
 * amount. Both leave their parts in the splitter.
 */
extern void attribution_weigh(Attribution *eval, const Conversion *conversion);

/* Its amount, which is not AMOUNT_NONE, by the same weights; valid until the next. */
extern const Amount *attribution_split_amount(Attribution *eval, const Conversion *conversion);

/*
 * After attribution_finish() of MODEL_MARKOV: weights by label in proportion to
 * the removal effects, none 0 that has an effect. Allocated in cxt.
 */
extern uint64 *attribution_effects(const Attribution *eval, MemoryContext cxt);

/* ------------------------------------------------------------------------ */

typedef enum Team
{
	TEAM_MARKETING,
	TEAM_SALES,
	TEAM_OTHER,					/* a channel of neither */
	TEAM_NONE,					/* no touch */
	TEAMS
} Team;

typedef struct TeamCount
{
	int64		sourced;		/* conversions whose first touch was this team's */
	AmountSum	sourced_amount;
	int64		influenced;		/* conversions with a touch of this team */
	AmountSum	influenced_amount;
	int64		assisted;		/* of those sourced, with a touch of another team */
	AmountSum	assisted_amount;
} TeamCount;

/* One evaluation: journeys.scope and team_of filled in, sourced_begin(), sourced_add() for each lead. */
typedef struct Sourced
{
	Journeys	journeys;
	const Team *team_of;		/* by label */
	TeamCount	teams[TEAMS];
	int64		conversions;
} Sourced;

extern void sourced_begin(Sourced *eval, MemoryContext cxt);
extern void sourced_add(Sourced *eval, const Lead *lead);

#endif							/* FUNNEL_ATTRIBUTION_H */
