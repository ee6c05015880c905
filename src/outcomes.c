/*
 * outcomes.c
 *	  Cumulative incidence of competing outcomes (Aalen-Johansen; with one
 *	  outcome 1 - Kaplan-Meier), its standard error and its interval.
 *
 * A lead is reduced to how the risk set changes with it: it leaves with an
 * outcome or, still open, at as_of, so long after its entry; and a lead whose
 * entry was before the records began joins late. The changes are sorted by
 * exact time. One pass over them carries the estimates along, each of which is
 * updated only where its own outcome occurs, so that many outcomes cost no more
 * than one.
 *
 * With n leads at risk, d of them with some outcome and d_k with outcome k at
 * one time, S the share open and F_k the incidence of k:
 *
 *	F_k += S d_k / n,	S *= 1 - d / n
 *
 * The variance is that of the delta method, with the d_k multinomial given n:
 * Greenwood's formula carried over to several outcomes (Marubini & Valsecchi,
 * Analysing Survival Data, 1995; Andersen, Borgan, Gill & Keiding, Statistical
 * Models Based on Counting Processes, 1993). As a sum over all earlier times it
 * would have to be summed anew for each row; here it is the recursion of the
 * covariance matrix of (S, F_k), divided by S where S is a factor. With delta =
 * S d_k / n and G = sum of d / (n (n - d)), both of before the time in question:
 *
 *	Var(F_k)		+= 2 delta U_k + delta^2 (G - 1 / n) + delta S / n
 *	U_k				+= delta (G - 1 / n)		is Cov(S, F_k) / S
 *	Var(S)			 = S^2 G					is Var(F_k) while only k occurs
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "compat.h"
#include "interrupts.h"
#include "outcomes.h"

#define Z_95	1.959963984540054

/*
 * A variance that is less than so much of the terms whose sum it is has nothing
 * left but their rounding errors.
 */
#define VARIANCE_NOISE	(1.0 / (INT64CONST(1) << 48))

/*
 * A lead joins or leaves the risk set. At one time late leads join first, then
 * outcomes occur, then open leads leave: sorted by what.
 */
typedef struct RiskChange
{
	uint64		elapsed;
	int			what;			/* JOINS, the number of an outcome, or ... */
} RiskChange;

#define JOINS			(-1)
#define LEAVES_OPEN		PG_INT32_MAX

static inline bool
is_outcome(const RiskChange *change)
{
	return change->what != JOINS && change->what != LEAVES_OPEN;
}

static inline int
change_cmp(const RiskChange *a, const RiskChange *b)
{
	if (a->elapsed != b->elapsed)
		return a->elapsed < b->elapsed ? -1 : 1;
	return (a->what > b->what) - (a->what < b->what);
}

#define ST_SORT sort_changes
#define ST_ELEMENT_TYPE RiskChange
#define ST_COMPARE(a, b) change_cmp(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define BUCKETS		1024
#define FEW			2048		/* so many are sorted at once */

/*
 * Many changes are dealt into buckets of equal spans of time first, in place,
 * until a bucket fits into the cache.
 */
static void
sort_by_time(RiskChange *changes, int64 n)
{
	uint64		min = PG_UINT64_MAX;
	uint64		max = 0;
	int			shift;
	int64		next[BUCKETS];
	int64		end[BUCKETS];
	int64		sum = 0;

	FOR_INTERRUPTIBLE(i, n > FEW ? n : 0)
	{
		min = Min(min, changes[i].elapsed);
		max = Max(max, changes[i].elapsed);
	}
	if (min >= max)
	{
		sort_changes(changes, n);
		return;
	}
	CHECK_FOR_INTERRUPTS();
	shift = Max(pg_leftmost_one_pos64(max - min) + 1 - 10, 0);
#define BUCKET(change) ((int) (((change).elapsed - min) >> shift))
	memset(end, 0, sizeof(end));
	FOR_INTERRUPTIBLE(i, n)
		end[BUCKET(changes[i])]++;
	for (int b = 0; b < BUCKETS; b++)
	{
		next[b] = sum;
		end[b] = sum += end[b];
	}
	for (int b = 0; b < BUCKETS; b++)
		while (next[b] < end[b])
		{
			RiskChange	hand = changes[next[b]];
			int			home;

			/* an error leaves them in no order, and nobody reads them again */
			check_interrupts_at(next[b]);
			while ((home = BUCKET(hand)) != b)
			{
				RiskChange	found = changes[next[home]];

				changes[next[home]++] = hand;
				hand = found;
				check_interrupts_at(next[home]);
			}
			changes[next[b]++] = hand;
		}
#undef BUCKET
	for (int b = 0; b < BUCKETS; b++)
	{
		int64		start = b > 0 ? end[b - 1] : 0;

		sort_by_time(changes + start, end[b] - start);
	}
}

/*
 * A sum and what its additions rounded off. A variance that has to end near 0,
 * when nearly all leads had this outcome, is the sum of millions of terms that
 * cancel.
 */
typedef struct Sum
{
	double		sum;
	double		rest;
} Sum;

static inline void
sum_add(Sum *sum, double x)
{
	double		old = sum->sum;
	double		added;

	sum->sum = old + x;
	added = sum->sum - old;
	sum->rest += (old - (sum->sum - added)) + (x - added);
}

static inline double
sum_value(const Sum *sum)
{
	return sum->sum + sum->rest;
}

/* The estimate for one outcome. */
typedef struct Incidence
{
	int64		events;			/* so far, of those that weigh */
	double		base;			/* incidence before its current run */
	int64		run;			/* the run that its latest events are in */
	int64		run_events;
	double		probability;
	Sum			variance;
	double		scale;			/* sum of what was added to it, without sign */
	Sum			covariance;		/* U_k */
} Incidence;

void
outcomes_begin(Outcomes *eval, MemoryContext cxt)
{
	eval->allocated = 64;
	eval->changes = MemoryContextAlloc(cxt, eval->allocated * sizeof(RiskChange));
	eval->nchanges = 0;
	eval->incidences = MemoryContextAllocZero(cxt, (Size) eval->noutcomes * sizeof(Incidence));
	eval->reached = eval->censored = eval->entered = 0;
	eval->at_risk = 0;
}

static inline void
add_change(Outcomes *eval, uint64 elapsed, int what)
{
	RiskChange *change;

	if (unlikely(eval->nchanges == eval->allocated))
	{
		eval->allocated *= 2;
		eval->changes = repalloc_huge(eval->changes,
									  eval->allocated * sizeof(RiskChange));
	}
	change = &eval->changes[eval->nchanges++];
	change->elapsed = elapsed;
	change->what = what;
}

/*
 * The event, of the lead's first n, that is the first entry into an outcome at
 * the time of event start or later, start itself excepted; n if there is none.
 * Events of one time have no order among each other: an outcome of the same
 * time counts also where it stands before start in canonical order.
 */
static int64
find_outcome(const Outcomes *eval, const Lead *lead, int64 n, int64 start)
{
	int64		i = start;
	int64		previous;

	while (i > 0 && lead->at[i - 1] == lead->at[start])
		check_interrupts_at(i--);
	for (previous = i - 1; previous >= 0; previous--)
	{
		check_interrupts_at(previous);
		if (lead->label[previous] < eval->nstages)
			break;
	}
	for (; i < n; i++)
	{
		check_interrupts_at(i);
		if (lead->label[i] >= eval->nstages)
			continue;
		if (eval->outcome_of[lead->label[i]] != NO_OUTCOME && i != start &&
			(previous < 0 || !same_stay(lead, previous, i)))
			break;
		previous = i;
	}
	return i;
}

void
outcomes_add(Outcomes *eval, const Lead *lead)
{
	int64		n = lead_count_before(lead, eval->as_of);
	int64		start;
	int64		end;
	uint64		joins = 0;
	uint64		elapsed;

	/* the first event of a stage is the entry into it */
	for (start = 0; start < n; start++)
	{
		check_interrupts_at(start);
		if (lead->label[start] == eval->from_stage)
			break;
	}
	if (start == n || !in_period(&eval->period, lead->at[start]))
		return;
	end = find_outcome(eval, lead, n, start);
	if (lead->at[start] < eval->since)
	{
		if (end < n && lead->at[end] < eval->since)
			return;				/* never observed */
		joins = (uint64) eval->since - (uint64) lead->at[start];
		if (joins > eval->horizon)
			return;
		add_change(eval, joins, JOINS);
	}
	else
		eval->at_risk++;

	if (end < n)
		elapsed = (uint64) lead->at[end] - (uint64) lead->at[start];
	else if (eval->as_of == DT_NOEND)
		elapsed = PG_UINT64_MAX;
	else
		elapsed = (uint64) eval->as_of - (uint64) lead->at[start];
	eval->entered++;
	eval->reached += elapsed >= eval->horizon;
	eval->censored += end == n && elapsed < eval->horizon;
	if (elapsed > eval->horizon)
		return;
	add_change(eval, elapsed, end < n ? eval->outcome_of[lead->label[end]] : LEAVES_OPEN);
}

void
outcomes_finish(Outcomes *eval)
{
	sort_by_time(eval->changes, eval->nchanges);
	eval->next = 0;
	eval->leaving = 0;
	eval->leaving_left = 0;
	eval->total = 0;
	eval->open = 1;
	eval->greenwood = 0;
	eval->run = 0;
	eval->run_left = 0;
}

/*
 * Goes on to the next time at which an outcome occurs; false if there is none.
 *
 * A run is a sequence of such times in which the risk set changes by outcomes
 * only. The factors 1 - d / n of a run multiply to the share of its leads that
 * are left, which is rounded once and not once a factor: where nobody leaves
 * open, probabilities are the plain shares.
 */
static bool
next_time(Outcomes *eval)
{
	int64		end;

	eval->at_risk -= eval->leaving;
	eval->leaving = 0;
	while (eval->next < eval->nchanges && !is_outcome(&eval->changes[eval->next]))
	{
		check_interrupts_at(eval->next);
		eval->at_risk += eval->changes[eval->next++].what == JOINS ? 1 : -1;
	}
	if (eval->next == eval->nchanges)
		return false;
	eval->elapsed = eval->changes[eval->next].elapsed;
	for (end = eval->next + 1; end < eval->nchanges; end++)
	{
		check_interrupts_at(end);
		if (eval->changes[end].elapsed != eval->elapsed || !is_outcome(&eval->changes[end]))
			break;
	}
	eval->leaving = eval->leaving_left = end - eval->next;
	Assert(eval->at_risk >= eval->leaving);

	eval->open_before = eval->open;
	/* where late leads join after nobody was open, nothing can change any more */
	if (eval->open_before > 0)
		eval->total += eval->leaving;
	eval->greenwood_before = eval->greenwood;
	if (eval->at_risk != eval->run_left)
	{
		eval->run++;
		eval->run_size = eval->at_risk;
		eval->run_open = eval->open;
		eval->run_greenwood = eval->greenwood;
	}
	eval->run_left = eval->at_risk - eval->leaving;
	eval->open = eval->run_open * (double) eval->run_left / (double) eval->run_size;
	if (eval->run_left > 0)
		eval->greenwood = eval->run_greenwood +
			(double) (eval->run_size - eval->run_left) /
			((double) eval->run_size * (double) eval->run_left);
	return true;
}

/*
 * The interval that is symmetric for ln(-ln(1 - probability)). There is none
 * around 0 and 1. The complement, 1 - probability, is passed because near 1 it
 * is known better than the difference.
 */
static void
set_interval(OutcomeRow *row, double complement)
{
	double		minus_log;
	double		width;

	if (row->probability <= 0 || row->probability >= 1 || complement <= 0)
		row->bounded = false;
	if (!row->bounded)
		return;
	minus_log = row->probability < 0.5 ? -log1p(-row->probability) : -log(complement);
	width = Z_95 * row->se / (complement * minus_log);
	row->low = -expm1(-minus_log * exp(-width));
	row->high = -expm1(-minus_log * exp(width));
	/* rounded, near 1 */
	row->low = Min(row->low, row->probability);
	row->high = Max(row->high, row->probability);
}

bool
outcomes_next(Outcomes *eval, OutcomeRow *row)
{
	Incidence  *incidence;
	double		n;
	double		delta;
	double		excess;
	double		complement;
	double		variance;
	double		term;

	CHECK_FOR_INTERRUPTS();
	if (eval->leaving_left == 0 && !next_time(eval))
		return false;

	row->elapsed = eval->elapsed;
	row->outcome = eval->changes[eval->next].what;
	row->at_risk = eval->at_risk;
	row->events = 0;
	while (eval->leaving_left > 0 && eval->changes[eval->next].what == row->outcome)
	{
		check_interrupts_at(row->events);
		row->events++;
		eval->next++;
		eval->leaving_left--;
	}

	incidence = &eval->incidences[row->outcome];
	if (eval->open_before > 0)
		incidence->events += row->events;
	if (incidence->run != eval->run)
	{
		incidence->run = eval->run;
		incidence->run_events = 0;
		incidence->base = incidence->probability;
	}
	incidence->run_events += row->events;
	incidence->probability = incidence->base +
		eval->run_open * (double) incidence->run_events / (double) eval->run_size;

	n = (double) eval->at_risk;
	delta = eval->open_before * (double) row->events / n;
	excess = eval->greenwood_before - 1 / n;
	term = 2 * delta * sum_value(&incidence->covariance) + delta * delta * excess +
		delta * eval->open_before / n;
	sum_add(&incidence->variance, term);
	incidence->scale += fabs(term);
	sum_add(&incidence->covariance, delta * excess);

	row->bounded = true;
	if (incidence->events == eval->total)
	{
		/* no other outcome has occurred: S is its complement, and more exact */
		row->se = eval->open * sqrt(eval->greenwood);
		complement = eval->open;
		if (complement == 0)
			incidence->probability = 1;
	}
	else
	{
		variance = sum_value(&incidence->variance);
		row->se = sqrt(Max(variance, 0));
		row->bounded = variance > VARIANCE_NOISE * incidence->scale;
		complement = 1 - incidence->probability;
	}
	/* where late leads join it is a sum of many roundings */
	row->probability = Min(incidence->probability, 1);
	set_interval(row, complement);
	return true;
}
