/*
 * forecast.h
 *	  What the leads that are open will bring: for each, the probability to be
 *	  won within a horizon, given the stage it is in and for how long it has been
 *	  there, as earlier stays in that stage have it; and the moments of their
 *	  sum. Knows nothing of SQL.
 */
#ifndef FUNNEL_FORECAST_H
#define FUNNEL_FORECAST_H

#include "args.h"
#include "predict.h"
#include "stays.h"

/* What a stage is to a forecast; from 0 on, the number of one that is forecast. */
#define FORECAST_OTHER	(-1)
#define FORECAST_WON	(-2)

/*
 * For how long were enough of n > 0 stays, or leads, watched for what follows to
 * be taken from them? Enough are as many as the square root of all and at least
 * ten, but no more than a quarter. Puts the times into order.
 */
extern uint64 forecast_enough(uint64 *watched, int64 n);

/* So many ages of a stage have one; leads of more ages are put together. */
#define FORECAST_AGES	64

/* The known amounts of wins. */
typedef struct WonAmounts
{
	int64		n;
	double		mean;
	double		squares;		/* sum of squared differences from the mean */
	bool		negative;		/* is one of them? */
} WonAmounts;

/* Of an amount from what is known; 0 where one tells nothing. */
extern double won_variance(const WonAmounts *won);

/* A lead that is open, and what is known of it. */
typedef struct OpenLead
{
	uint64		age;			/* microseconds in its stage */
	int64		number;			/* in the order of adding */
	double		amount;			/* its own, or NaN; then what one is worth, or NaN */
	bool		estimated;		/* is amount not its own? */
	double		probability;	/* NaN: history says nothing */
	int64		rests_on;		/* stays watched through */
} OpenLead;

/* Sums over leads: of one stage, or all. */
typedef struct ForecastSum
{
	int64		leads;
	int64		unjudged;		/* those without a probability */
	double		days;			/* sum of their ages */
	double		wins;			/* sum of the probabilities */
	WinsPrediction deals;
	bool		unvalued;		/* is no amount known of some that past wins say may be won? */
	bool		unbounded;		/* of some that may be won for all one knows? */
	double		expected;		/* sum of probability x amount */
	AmountPrediction amount;
} ForecastSum;

typedef struct ForecastStage
{
	struct Spell *spells;		/* stays of the past; private */
	int64		nspells;
	int64		aspells;
	OpenLead   *open;			/* by age once evaluated */
	int64		nopen;
	int64		aopen;
	WonAmounts	won;			/* after a stay in the stage */
	ForecastSum sum;
} ForecastStage;

/*
 * One forecast: filled in by the caller up to period, then forecast_begin(),
 * forecast_learn() and forecast_open() for each lead, forecast_evaluate().
 */
typedef struct Forecast
{
	int			nstages;		/* that are forecast */
	int64		as_of;			/* events from here on do not exist; finite */
	uint64		horizon;
	Period		period;			/* stays that begin in it are learned from */

	/* results */
	ForecastStage *stages;
	WonAmounts	won;			/* of all wins that began in the period */
	ForecastSum sum;

	/* of the lead that forecast_stays() was last given */
	Stays		stays;
	Amount	   *amounts;		/* by stay */

	/* private */
	MemoryContext cxt;
	uint32		nlearned;		/* leads */
	int64		nopen;
	int64		aamounts;
} Forecast;

extern void forecast_begin(Forecast *eval, MemoryContext cxt);

/*
 * A lead of history. stage_of[] says by label code what each stage is; labels
 * below nstages are stages.
 */
extern void forecast_learn(Forecast *eval, const Lead *lead, uint32 nstages,
						   const int *stage_of);

/*
 * A lead that may be open. True if it is, in a stage that is forecast: it has
 * the next number, and is in *stay, worth *amount if that is known.
 */
extern bool forecast_open(Forecast *eval, const Lead *lead, uint32 nstages,
						  const int *stage_of, Stay *stay, Amount *amount);

extern void forecast_evaluate(Forecast *eval);

/*
 * Fills eval->stays with the stays of a lead before as_of, and eval->amounts with
 * the amount of each: its last one, or the last one before it while the lead was
 * with the same ref; AMOUNT_NONE if there is none.
 */
extern void forecast_stays(Forecast *eval, const Lead *lead, uint32 nstages);

#endif							/* FUNNEL_FORECAST_H */
