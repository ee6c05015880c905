/*
 * predict.h
 *	  How many deals, or how much money, will it be? Distributions of a sum of
 *	  wins whose chances are known in part only, by their moments. Numbers only;
 *	  knows nothing of SQL and nothing of leads.
 */
#ifndef FUNNEL_PREDICT_H
#define FUNNEL_PREDICT_H

/*
 * A number of wins: a sum over leads, each of which is won with a chance of its
 * own. Taken as beta-binomial: binomial with the first two moments that the sum
 * has for given chances, its probability spread as a beta distribution by what
 * is uncertain about them.
 */
typedef struct WinsPrediction
{
	double		mean;			/* sum of the chances */
	double		squares;		/* sum of their squares */
	double		variance;		/* of the mean, for chances are estimates */
} WinsPrediction;

/* The probability of at most k wins. */
extern double wins_at_most(const WinsPrediction *wins, double k);

/* The least k that has at least this probability; 0 < probability < 1. */
extern double wins_quantile(const WinsPrediction *wins, double probability);

/*
 * An amount between least, which is negative where wins may cost something, and
 * most: with some probability 0, because nothing is won; else a beta
 * distribution, all together of that mean and variance. Where the variance is
 * more than one can have, it is least or most.
 */
typedef struct AmountPrediction
{
	double		mean;
	double		variance;
	double		least;			/* at most 0 */
	double		most;			/* at least 0 */
	double		none;			/* probability */
} AmountPrediction;

extern double amount_at_most(const AmountPrediction *amount, double x);
extern double amount_quantile(const AmountPrediction *amount, double probability);

#endif							/* FUNNEL_PREDICT_H */
