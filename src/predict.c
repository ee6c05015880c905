/*
 * predict.c
 *	  The distributions of wins and amounts to come: beta-binomial and beta.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "predict.h"

/* Beyond it a beta distribution is a point, and lgamma() has too few digits. */
#define LARGEST_SIZE	1e7

/* Terms that are less than so much of their sum do not change it. */
#define NEGLIGIBLE		1e-18

/*
 * n trials of one probability, which itself has a beta distribution.
 */
typedef struct BetaBinomial
{
	double		n;
	double		alpha;
	double		beta;
} BetaBinomial;

/*
 * With chances p, their sum has variance sum p - sum p^2: as that of a binomial
 * distribution of n = (sum p)^2 / sum p^2 trials, rounded up.
 */
static BetaBinomial
beta_binomial(const WinsPrediction *wins)
{
	BetaBinomial result = {0};
	double		p;
	double		size = LARGEST_SIZE;

	if (!(wins->mean > 0))
		return result;
	result.n = ceil(Max(wins->mean * wins->mean / wins->squares, wins->mean) - 1e-9);
	p = Min(wins->mean / result.n, 1 - 1e-9);
	if (wins->variance > 0)
		size = p * (1 - p) * result.n * result.n / wins->variance - 1;
	size = Min(Max(size, 1e-3), LARGEST_SIZE);
	result.alpha = p * size;
	result.beta = (1 - p) * size;
	return result;
}

static double
log_beta(double a, double b)
{
	return lgamma(a) + lgamma(b) - lgamma(a + b);
}

static double
beta_binomial_point(const BetaBinomial *d, double k)
{
	return exp(lgamma(d->n + 1) - lgamma(k + 1) - lgamma(d->n - k + 1) +
			   log_beta(k + d->alpha, d->n - k + d->beta) - log_beta(d->alpha, d->beta));
}

/*
 * The sum from the side that k is on, outwards, so that what is small is not
 * the difference of what is not.
 */
static double
beta_binomial_at_most(const BetaBinomial *d, double k)
{
	double		sum = 0;
	double		term;

	if (k < 0)
		return 0;
	if (k >= d->n)
		return 1;
	if (k <= d->n * d->alpha / (d->alpha + d->beta))
	{
		term = beta_binomial_point(d, k);
		for (double j = k;; j--)
		{
			CHECK_FOR_INTERRUPTS();
			sum += term;
			if (j <= 0 || (d->alpha >= 1 && term <= sum * NEGLIGIBLE))
				return Min(sum, 1);
			term *= j / (d->n - j + 1) * (d->n - j + d->beta) / (j - 1 + d->alpha);
		}
	}
	term = beta_binomial_point(d, k + 1);
	for (double j = k + 1;; j++)
	{
		CHECK_FOR_INTERRUPTS();
		sum += term;
		if (j >= d->n || (d->beta >= 1 && term <= sum * NEGLIGIBLE))
			return Max(1 - sum, 0);
		term *= (d->n - j) / (j + 1) * (j + d->alpha) / (d->n - j - 1 + d->beta);
	}
}

double
wins_at_most(const WinsPrediction *wins, double k)
{
	BetaBinomial d = beta_binomial(wins);

	return beta_binomial_at_most(&d, k);
}

double
wins_quantile(const WinsPrediction *wins, double probability)
{
	BetaBinomial d = beta_binomial(wins);
	double		below = -1;		/* has less than the probability */
	double		enough = d.n;

	while (enough - below > 1)
	{
		double		middle = floor((below + enough) / 2);

		if (beta_binomial_at_most(&d, middle) >= probability)
			enough = middle;
		else
			below = middle;
	}
	return enough;
}

/*
 * The regularized incomplete beta function, by its continued fraction
 * (Abramowitz and Stegun 26.5.8) evaluated from the front (Lentz); for x up to
 * about the mean, where that converges fast.
 */
static double
lower_incomplete_beta(double a, double b, double x)
{
	const double tiny = 1e-300;
	double		c = 1;
	double		d;
	double		fraction;

	d = 1 - (a + b) * x / (a + 1);
	d = 1 / (fabs(d) < tiny ? tiny : d);
	fraction = d;
	for (int m = 1; m < 100000; m++)
	{
		double		step = 1;

		for (int odd = 0; odd < 2; odd++)
		{
			double		term = odd
				? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
				: m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));

			d = 1 + term * d;
			d = 1 / (fabs(d) < tiny ? tiny : d);
			c = 1 + term / c;
			c = fabs(c) < tiny ? tiny : c;
			step = d * c;
			fraction *= step;
		}
		if (fabs(step - 1) < 1e-15)
			break;
	}
	return exp(a * log(x) + b * log1p(-x) - log_beta(a, b)) / a * fraction;
}

static double
incomplete_beta(double a, double b, double x)
{
	if (x <= 0)
		return 0;
	if (x >= 1)
		return 1;
	/* once: rounding can make it look as if it were to be turned again */
	if (x > (a + 1) / (a + b + 2))
		return 1 - lower_incomplete_beta(b, a, 1 - x);
	return lower_incomplete_beta(a, b, x);
}

/* The distribution of a positive amount as a share of the most that it can be. */
typedef struct Share
{
	enum
	{
		SHARE_BETA,
		SHARE_POINT,			/* it is the mean */
		SHARE_ALL_OR_NOTHING
	}			kind;
	double		mean;
	double		alpha;
	double		beta;
} Share;

static Share
positive_share(const AmountPrediction *amount)
{
	Share		share = {0};
	double		some = 1 - amount->none;
	double		mean = amount->mean / some;
	double		variance = (amount->variance + amount->mean * amount->mean) / some - mean * mean;
	double		size = LARGEST_SIZE;

	share.mean = Min(mean / amount->most, 1);
	if (variance > 0)
		size = share.mean * (1 - share.mean) * amount->most * amount->most / variance - 1;
	if (size >= LARGEST_SIZE || share.mean >= 1)
	{
		share.kind = SHARE_POINT;
		return share;
	}
	share.kind = size > 1e-3 ? SHARE_BETA : SHARE_ALL_OR_NOTHING;
	share.alpha = share.mean * size;
	share.beta = (1 - share.mean) * size;
	return share;
}

static double
share_at_most(const Share *share, double x)
{
	if (x >= 1)
		return 1;
	switch (share->kind)
	{
		case SHARE_BETA:
			return incomplete_beta(share->alpha, share->beta, x);
		case SHARE_ALL_OR_NOTHING:
			return 1 - share->mean;
		case SHARE_POINT:
			break;
	}
	return x >= share->mean ? 1 : 0;
}

static inline bool
is_nothing(const AmountPrediction *amount)
{
	return !(amount->mean > 0) || amount->none >= 1;
}

double
amount_at_most(const AmountPrediction *amount, double x)
{
	Share		share;

	if (x < 0)
		return 0;
	if (is_nothing(amount))
		return 1;
	share = positive_share(amount);
	return amount->none + (1 - amount->none) * share_at_most(&share, x / amount->most);
}

double
amount_quantile(const AmountPrediction *amount, double probability)
{
	Share		share;
	double		below = 0;
	double		enough = 1;

	if (is_nothing(amount) || probability <= amount->none)
		return 0;
	probability = (probability - amount->none) / (1 - amount->none);
	share = positive_share(amount);
	if (share_at_most(&share, 0) >= probability)
		return 0;
	for (int i = 0; i < 60; i++)
	{
		double		middle = (below + enough) / 2;

		if (share_at_most(&share, middle) >= probability)
			enough = middle;
		else
			below = middle;
	}
	return enough * amount->most;
}
