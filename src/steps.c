/*
 * steps.c
 *	  Counting the leads that take the steps of a funnel, in four modes.
 *
 * A lead is reduced to its entries into stages that are steps; a chain of
 * those is sought, and what it reached is counted.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "compat.h"
#include "interrupts.h"
#include "steps.h"

typedef struct StepEntry
{
	int64		at;
	uint64		mask;			/* the steps that this is an entry into */
	int64		stay;			/* number of its stay */
	int64		event;			/* number of its event */
	int64		tie;			/* number of the first entry of the same time */
} StepEntry;

/* What a lead did: the entries that took it to its steps. */
typedef struct Chain
{
	int			length;			/* steps reached */
	int64		anchor;			/* time of the first step */
	const StepEntry *entry[STEPS_MAX];	/* NULL if the step was skipped */
} Chain;

#define STEP(i)	(UINT64CONST(1) << (i))

/* The mask of steps 0 to n - 1. */
static inline uint64
first_steps(int n)
{
	return n == STEPS_MAX ? ~UINT64CONST(0) : STEP(n) - 1;
}

/* In unsigned, because the range of times is wider than an int64. */
static inline uint64
elapsed(int64 from, int64 to)
{
	return (uint64) to - (uint64) from;
}

void
steps_begin(Steps *eval, MemoryContext cxt)
{
	eval->cxt = cxt;
	eval->allocated = 64;
	eval->entries = MemoryContextAlloc(cxt, eval->allocated * sizeof(StepEntry));
	memset(eval->steps, 0, eval->nsteps * sizeof(StepCount));
	memset(eval->length, 0, sizeof(eval->length));
	memset(eval->mature_length, 0, sizeof(eval->mature_length));
	for (int i = 0; i < eval->nsteps; i++)
		samples_init(&eval->steps[i].durations, cxt);
}

/*
 * The entries into steps among the lead's first n events, in canonical order;
 * returns their number.
 */
static int64
collect_entries(Steps *eval, const Lead *lead, int64 n)
{
	StepEntry  *entry;
	int64		previous = -1;	/* stage event before */
	int64		stay = 0;

	if (unlikely(n > eval->allocated))
	{
		eval->allocated = Max(n, eval->allocated * 2);
		eval->entries = repalloc_huge(eval->entries,
									  eval->allocated * sizeof(StepEntry));
	}
	entry = eval->entries;
	FOR_INTERRUPTIBLE(i, n)
	{
		uint32		label = lead->label[i];

		if (label >= eval->nstages)
			continue;
		if (previous < 0 || !same_stay(lead, previous, i))
		{
			/* written anyhow, and kept if it is an entry into a step */
			entry->at = lead->at[i];
			entry->mask = eval->step_mask[label];
			entry->stay = stay++;
			entry->event = i;
			entry->tie = entry > eval->entries && entry[-1].at == entry->at ?
				entry[-1].tie : entry - eval->entries;
			entry += entry->mask != 0;
		}
		previous = i;
	}
	return entry - eval->entries;
}

/* Is the entry one of the chain's so far? */
static inline bool
in_chain(const Chain *chain, const StepEntry *entry)
{
	for (int i = 0; i < chain->length; i++)
		if (chain->entry[i] == entry)
			return true;
	return false;
}

/*
 * From each entry into step 1, the earliest possible entry into each next step
 * is taken: no other choice gets further, since every one leaves less time.
 * As the start moves on, so does the entry found for each step, which is why
 * the search for it goes on from where it stood: a lead is read once a step,
 * however many starts it has. Without a window the first start gets as far as
 * any.
 *
 * Entries of one time have no order among each other, so that the search
 * begins at the first entry with the time of the step before.
 */
static const Chain *
find_ordered(const Steps *eval, int64 n, Chain *best, Chain *trial)
{
	const StepEntry *entries = eval->entries;
	int64		next[STEPS_MAX];

	memset(next, 0, eval->nsteps * sizeof(next[0]));
	best->length = 0;
	for (int64 start = 0; start < n; start++)
	{
		const StepEntry *first = &entries[start];

		if (!(first->mask & STEP(0)) || !in_period(&eval->period, first->at))
			continue;
		trial->length = 1;
		trial->anchor = first->at;
		trial->entry[0] = first;
		for (int step = 1; step < eval->nsteps; step++)
		{
			int64		i = Max(next[step], trial->entry[step - 1]->tie);

			while (i < n && (!(entries[i].mask & STEP(step)) ||
							 in_chain(trial, &entries[i])))
				check_interrupts_at(i++);
			next[step] = i;
			if (i == n || elapsed(first->at, entries[i].at) > eval->within)
				break;
			trial->entry[step] = &entries[i];
			trial->length++;
		}
		if (trial->length > best->length)
		{
			Chain	   *better = trial;

			trial = best;
			best = better;
			if (best->length == eval->nsteps)
				break;
		}
		if (eval->within == NO_LIMIT)
			break;
		CHECK_FOR_INTERRUPTS();
	}
	return best;
}

/* As ordered, but each entry's stay follows directly on the one before. */
static const Chain *
find_strict(const Steps *eval, int64 n, Chain *best, Chain *trial)
{
	const StepEntry *entries = eval->entries;

	best->length = 0;
	for (int64 start = 0; start < n; start++)
	{
		const StepEntry *first = &entries[start];
		int			length;

		check_interrupts_at(start);

		if (!(first->mask & STEP(0)) || !in_period(&eval->period, first->at))
			continue;
		trial->anchor = first->at;
		trial->entry[0] = first;
		for (length = 1; length < eval->nsteps; length++)
		{
			const StepEntry *entry = first + length;

			if (start + length >= n ||
				entry->stay != first->stay + length ||
				!(entry->mask & STEP(length)) ||
				elapsed(first->at, entry->at) > eval->within)
				break;
			trial->entry[length] = entry;
		}
		trial->length = length;
		if (length > best->length)
		{
			Chain	   *better = trial;

			trial = best;
			best = better;
			if (length == eval->nsteps)
				break;
		}
	}
	return best;
}

/* The first entry into each step, from the anchor on and within the window. */
static const Chain *
find_implied(const Steps *eval, int64 n, Chain *chain)
{
	const StepEntry *entries = eval->entries;
	uint64		missing = first_steps(eval->nsteps);

	chain->length = 0;
	if (!in_period(&eval->period, entries[0].at))
		return chain;
	chain->anchor = entries[0].at;
	memset(chain->entry, 0, eval->nsteps * sizeof(chain->entry[0]));
	for (int64 i = 0; i < n && missing != 0; i++)
	{
		uint64		found = entries[i].mask & missing;

		check_interrupts_at(i);
		if (elapsed(chain->anchor, entries[i].at) > eval->within)
			break;
		missing &= ~found;
		for (; found != 0; found &= found - 1)
		{
			int			step = pg_rightmost_one_pos64(found);

			chain->entry[step] = &entries[i];
			chain->length = Max(chain->length, step + 1);
		}
	}
	return chain;
}

/*
 * Each step for itself: the mask of the steps whose first entry, which is put
 * into the chain, lies in the period.
 */
static uint64
find_any(const Steps *eval, int64 n, Chain *chain)
{
	const StepEntry *entries = eval->entries;
	uint64		seen = 0;
	uint64		counted = 0;

	chain->length = 0;
	FOR_INTERRUPTIBLE(i, n)
	{
		uint64		found = entries[i].mask & ~seen;

		seen |= found;
		if (found == 0 || !in_period(&eval->period, entries[i].at))
			continue;
		counted |= found;
		chain->length = Max(chain->length, pg_leftmost_one_pos64(found) + 1);
		for (; found != 0; found &= found - 1)
			chain->entry[pg_rightmost_one_pos64(found)] = &entries[i];
	}
	return counted;
}

/*
 * Adds the lead's amount to the steps in mask: the last one up to the end of
 * the stay that the entry begins.
 */
static void
add_amount(Steps *eval, const Lead *lead, int64 n, const StepEntry *furthest,
		   uint64 mask)
{
	int64		last;
	Amount		amount;

	if (!eval->amounts || !lead->rich)
		return;
	last = furthest->event;
	for (int64 i = last + 1; i < n; i++)
	{
		check_interrupts_at(i);
		if (lead->label[i] >= eval->nstages)
			continue;
		if (!same_stay(lead, last, i))
			break;
		last = i;
	}
	if (!last_amount(lead, 0, last, eval->nstages, &amount))
		return;
	for (int i = 0; i < eval->nsteps; i++)
		if (mask & STEP(i))
			amount_sum_add(&eval->steps[i].amount, &amount);
}

/* Is the window that began then over at as_of? */
static inline bool
window_closed(const Steps *eval, int64 at)
{
	return eval->as_of == DT_NOEND || elapsed(at, eval->as_of) >= eval->within;
}

/* May some start of the lead still lead further at as_of? */
static bool
window_open(const Steps *eval, const Chain *chain, int64 n)
{
	const StepEntry *entries = eval->entries;

	if (eval->mode == STEPS_IMPLIED)
		return !window_closed(eval, chain->anchor);
	for (int64 i = n - 1; i >= 0; i--)
	{
		check_interrupts_at(i);
		if ((entries[i].mask & STEP(0)) && in_period(&eval->period, entries[i].at))
			return !window_closed(eval, entries[i].at);
	}
	return false;
}

/*
 * Why the lead did not take the step, the first that it did not take. Of a
 * chain, it is said what came of it after its last entry.
 */
static StepsWhy
why_not(const Steps *eval, const Chain *chain, int64 n, int step)
{
	const StepEntry *entries = eval->entries;
	uint64		wanted = STEP(step);
	const StepEntry *last = NULL;
	const StepEntry *previous;

	/* these are the pending ones, whatever else can be said of them */
	if (eval->mode != STEPS_ANY && eval->within != NO_LIMIT && chain->length > 0 &&
		window_open(eval, chain, n))
		return WHY_WINDOW_OPEN;

	/* a later step would have brought this one along */
	if (eval->mode == STEPS_IMPLIED)
		wanted = first_steps(eval->nsteps) & ~first_steps(step);
	FOR_INTERRUPTIBLE(i, n)
		if (entries[i].mask & wanted)
			last = &entries[i];
	if (last == NULL)
		return WHY_NEVER;
	if (eval->mode == STEPS_ANY || chain->length == 0)
		return WHY_PERIOD;
	if (eval->mode == STEPS_IMPLIED)
		return WHY_WINDOW;

	previous = chain->entry[step - 1];
	if (eval->mode == STEPS_STRICT)
	{
		if (last < previous)
			return WHY_BEFORE;
		if (last == previous)
			return WHY_USED;
		if (previous[1].stay == previous->stay + 1 && (previous[1].mask & wanted))
			return WHY_WINDOW;
		return WHY_BETWEEN;
	}
	for (int64 i = previous->tie; i < n; i++)
	{
		check_interrupts_at(i);
		if ((entries[i].mask & wanted) && !in_chain(chain, &entries[i]))
			return WHY_WINDOW;
	}
	return last->at < previous->at ? WHY_BEFORE : WHY_USED;
}

/* What the lead did, for whoever asks; reached is the mask of its steps. */
static void
tell(const Steps *eval, const Chain *chain, uint64 reached, int64 n)
{
	StepsTrace *trace = eval->trace;

	trace->reached = reached;
	trace->entered = 0;
	for (int step = 0; step < chain->length; step++)
		if ((reached & STEP(step)) && chain->entry[step] != NULL)
		{
			trace->entered |= STEP(step);
			trace->at[step] = chain->entry[step]->at;
		}
	trace->missing = eval->nsteps;
	if (reached != first_steps(eval->nsteps))
	{
		trace->missing = pg_rightmost_one_pos64(~reached);
		trace->why = why_not(eval, chain, n, trace->missing);
	}
}

/* Counts each step for itself. */
static void
add_any(Steps *eval, const Lead *lead, int64 nevents, int64 n)
{
	Chain		chain;
	uint64		counted = find_any(eval, n, &chain);

	if (unlikely(eval->trace != NULL))
		tell(eval, &chain, counted, n);
	for (int step = 0; step < chain.length; step++)
	{
		if (!(counted & STEP(step)))
			continue;
		eval->steps[step].leads++;
		if (step > 0 && (counted & STEP(step - 1)))
			eval->steps[step].with_previous++;
		if (counted & 1)
			eval->steps[step].with_first++;
	}
	if (counted != 0)
		add_amount(eval, lead, nevents, chain.entry[chain.length - 1], counted);
}

void
steps_add(Steps *eval, const Lead *lead)
{
	int64		nevents = lead_count_before(lead, eval->as_of);
	int64		n = collect_entries(eval, lead, nevents);
	uint64		ever = 0;
	Chain		a,
				b;
	const Chain *chain;

	if (n == 0)
	{
		a.length = 0;
		if (eval->trace != NULL)
			tell(eval, &a, 0, n);
		return;
	}
	FOR_INTERRUPTIBLE(i, n)
		ever |= eval->entries[i].mask;
	/* to add nothing is cheaper than to find out that there is nothing to add */
	for (int step = 0; step < eval->nsteps; step++)
		eval->steps[step].ever += (ever >> step) & 1;

	switch (eval->mode)
	{
		case STEPS_ORDERED:
			chain = find_ordered(eval, n, &a, &b);
			break;
		case STEPS_STRICT:
			chain = find_strict(eval, n, &a, &b);
			break;
		case STEPS_IMPLIED:
			chain = find_implied(eval, n, &a);
			break;
		default:
			add_any(eval, lead, nevents, n);
			return;
	}
	if (unlikely(eval->trace != NULL))
		tell(eval, chain, first_steps(chain->length), n);
	if (chain->length == 0)
		return;
	eval->length[chain->length]++;
	if (eval->durations)
		for (int step = 1; step < chain->length; step++)
		{
			const StepEntry *entry = chain->entry[step];
			const StepEntry *previous = chain->entry[step - 1];

			if (entry != NULL && previous != NULL && entry->at >= previous->at)
				samples_add(&eval->steps[step].durations,
							duration_between(eval->calendar, previous->at, entry->at));
		}
	add_amount(eval, lead, nevents, chain->entry[chain->length - 1],
			   first_steps(chain->length));
	if (eval->within != NO_LIMIT)
	{
		eval->mature_length[chain->length] += window_closed(eval, chain->anchor);
		if (chain->length < eval->nsteps && window_open(eval, chain, n))
			eval->steps[chain->length].pending++;
	}
}

void
steps_finish(Steps *eval)
{
	int64		leads = 0;
	int64		mature = 0;

	for (int i = 0; i < eval->nsteps; i++)
		eval->steps[i].durations.calendar = eval->calendar;
	if (eval->mode == STEPS_ANY)
		return;
	/* who got to a step got to all before it */
	for (int step = eval->nsteps - 1; step >= 0; step--)
	{
		leads += eval->length[step + 1];
		mature += eval->mature_length[step + 1];
		eval->steps[step].leads = leads;
		if (step > 0)
		{
			eval->steps[step].mature_reached = mature;
			eval->steps[step].mature = mature + eval->mature_length[step];
		}
	}
}

void
wilson_interval(int64 k, int64 n, double *low, double *high)
{
	const double z = 1.959963984540054;
	double		p = (double) k / (double) n;
	double		zz = z * z / (double) n;
	double		center = p + zz / 2;
	double		half = z * sqrt(p * (1 - p) / (double) n + zz / (4 * (double) n));

	/* exact at the ends, where rounding could miss 0 or 1 */
	*low = k == 0 ? 0 : (center - half) / (1 + zz);
	*high = k == n ? 1 : (center + half) / (1 + zz);
}
