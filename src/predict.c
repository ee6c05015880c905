/*
 * predict.c
 *	  The distributions of wins and amounts to come: beta-binomial and beta.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "predict.h"

/* Beyond it a beta distribution is as good as a point. */
#define LARGEST_SIZE	1e7

/* What weighs less than so much of the most does not count. */
#define NEGLIGIBLE		1e-18

/* log(2 pi) / 2 */
#define LOG_ROOT_2PI	0.91893853320467274178

/* What Stirling's formula leaves of the logarithm of the gamma function. */
static double
stirling_rest(double x)
{
	double		square = x * x;

	if (x < 16)
		return lgamma(x) - ((x - 0.5) * log(x) - x + LOG_ROOT_2PI);
	return (1.0 / 12 - (1.0 / 360 - (1.0 / 1260 - 1.0 / (1680 * square)) / square) / square) / x;
}

/*
 * The logarithm of x^a y^b / B(a, b), y = 1 - x. Where a and b are large, both
 * are so as well, and nearly the same: it is taken of what they differ by.
 */
static double
log_beta_power(double a, double b, double x, double y)
{
	double		size = a + b;
	double		more = (x * b - y * a) / a; /* x is so much more than the mean */
	double		less = (y * a - x * b) / b;

	return a * (fabs(more) < 0.5 ? log1p(more) : log(x * size / a)) +
		b * (fabs(less) < 0.5 ? log1p(less) : log(y * size / b)) +
		log(a) / 2 + log(b / size) / 2 - LOG_ROOT_2PI +
		stirling_rest(size) - stirling_rest(a) - stirling_rest(b);
}

/*
 * The regularized incomplete beta function, by its continued fraction
 * (Abramowitz and Stegun 26.5.8) evaluated from the front (Lentz); for x up to
 * about the mean, where that converges fast.
 */
static double
lower_incomplete_beta(double a, double b, double x, double y)
{
	const double tiny = 1e-300;
	double		power = exp(log_beta_power(a, b, x, y));
	double		c = 1;
	double		d;
	double		fraction;

	if (power == 0)
		return 0;
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
		if (!(fabs(step - 1) >= 1e-15))
			break;
	}
	return power / a * fraction;
}

/* That a beta variable is at most x; y = 1 - x, which knows more where x is near 1. */
static double
incomplete_beta(double a, double b, double x, double y)
{
	if (x <= 0)
		return 0;
	if (y <= 0)
		return 1;
	/* once: rounding can make it look as if it were to be turned again */
	if (x > (a + 1) / (a + b + 2))
		return 1 - lower_incomplete_beta(b, a, y, x);
	return lower_incomplete_beta(a, b, x, y);
}

/*
 * The probability that one beta variable, of a and b, is less than another, of c
 * and d, that is spread no wider: the mean, over the second, of the distribution
 * of the first. Over the logarithm of the odds, where both are smooth and decline
 * exponentially, a sum over points at equal distances is exact but for digits
 * that do not count (trapezoidal rule).
 */
static double
beta_less_than(double a, double b, double c, double d)
{
	double		at = log(c / d);	/* the mode of the second */
	double		step = sqrt(1 / c + 1 / d) / 4;
	double		sum = 0;
	double		weights = 0;

	for (int side = -1; side <= 1; side += 2)
		for (int i = side > 0;; i++)
		{
			double		t = side * i * step;
			double		x = 1 / (1 + exp(-at - t));
			double		y = 1 / (1 + exp(at + t));
			double		weight;

			/* its density as a share of that of the mode */
			if (c < d)
				weight = exp(c * t - (c + d) * log1p(expm1(t) * c / (c + d)));
			else
				weight = exp(-d * t - (c + d) * log1p(expm1(-t) * d / (c + d)));
			if (!(weight >= NEGLIGIBLE))
				break;
			CHECK_FOR_INTERRUPTS();
			weights += weight;
			sum += weight * incomplete_beta(a, b, x, y);
		}
	return sum / weights;
}

/*
 * n trials of one probability, which itself has a beta distribution; with beta
 * 0 all succeed.
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
	double		trials;
	double		p;
	double		size = LARGEST_SIZE;

	if (!(wins->mean > 0))
		return result;
	trials = Max(wins->mean * wins->mean / wins->squares, wins->mean);
	result.n = rint(trials);
	if (fabs(trials - result.n) > 1e-9 + trials * 1e-15)	/* more than rounding made */
		result.n = ceil(trials);
	p = wins->mean / result.n;
	if (p >= 1 && !(wins->variance > 0))
	{
		result.alpha = 1;
		return result;
	}
	p = Min(p, 1 - 1e-9);
	if (wins->variance > 0)
		size = p * (1 - p) * result.n * result.n / wins->variance - 1;
	size = Min(Max(size, 1e-3), LARGEST_SIZE);
	result.alpha = p * size;
	result.beta = (1 - p) * size;
	return result;
}

/*
 * Trials of a probability are uniform numbers that are less than it, or not. At
 * most k are if the one that follows k of them in size is not, which is of a
 * beta distribution as well.
 */
static double
beta_binomial_at_most(const BetaBinomial *d, double k)
{
	double		next = k + 1;
	double		beyond = d->n - k;

	if (k < 0)
		return 0;
	if (k >= d->n)
		return 1;
	if (d->beta <= 0)
		return 0;
	if (1 / next + 1 / beyond <= 1 / d->alpha + 1 / d->beta)
		return beta_less_than(d->alpha, d->beta, next, beyond);
	return 1 - beta_less_than(next, beyond, d->alpha, d->beta);
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
 * The distribution of what is won, if something is, as a share of the way from
 * least to most.
 */
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
share_of_wins(const AmountPrediction *amount)
{
	Share		share = {0};
	double		some = 1 - amount->none;
	double		span = amount->most - amount->least;
	double		of_all = amount->mean / span;	/* in spans, whose squares are not too large */
	double		mean = of_all / some;
	double		variance = (amount->variance / span / span + of_all * of_all) / some - mean * mean;
	double		size = LARGEST_SIZE;

	share.mean = Min(Max(mean - amount->least / span, 0), 1);
	if (variance > 0)
		size = share.mean * (1 - share.mean) / variance - 1;
	if (size >= LARGEST_SIZE || share.mean <= 0 || share.mean >= 1)
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
	if (x < 0)
		return 0;
	if (x >= 1)
		return 1;
	switch (share->kind)
	{
		case SHARE_BETA:
			return incomplete_beta(share->alpha, share->beta, x, 1 - x);
		case SHARE_ALL_OR_NOTHING:
			return 1 - share->mean;
		case SHARE_POINT:
			break;
	}
	return x >= share->mean ? 1 : 0;
}

double
amount_at_most(const AmountPrediction *amount, double x)
{
	double		nothing = x < 0 ? 0 : 1;
	double		span = amount->most - amount->least;
	Share		share;

	if (!(span > 0) || amount->none >= 1)
		return nothing;
	share = share_of_wins(amount);
	return amount->none * nothing +
		(1 - amount->none) * share_at_most(&share, (x - amount->least) / span);
}

double
amount_quantile(const AmountPrediction *amount, double probability)
{
	double		below = amount->least;
	double		enough = amount->most;

	if (amount_at_most(amount, below) >= probability)
		return below;
	for (int i = 0; i < 60; i++)
	{
		double		middle = (below + enough) / 2;

		if (amount_at_most(amount, middle) >= probability)
			enough = middle;
		else
			below = middle;
	}
	return enough;
}
