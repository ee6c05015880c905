/*
 * journeys.c
 *	  Finding a lead's conversions and their touches.
 *
 * Everything is in the order of time, so that one pass over the stays and one
 * over the touches serve all conversions of a lead.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "journeys.h"

void
journeys_init(Journeys *journeys, MemoryContext cxt)
{
	journeys->cxt = cxt;
	journeys->touches_allocated = 256;
	journeys->touch_at = MemoryContextAlloc(cxt, journeys->touches_allocated * sizeof(int64));
	journeys->touch_channel = MemoryContextAlloc(cxt, journeys->touches_allocated * sizeof(uint32));
	journeys->conversions_allocated = 16;
	journeys->conversions = MemoryContextAlloc(cxt, journeys->conversions_allocated * sizeof(Conversion));
	journeys->by_ref = NULL;
	journeys->goes_on = NULL;
	journeys->stays_allocated = 0;
	stays_init(&journeys->stays, cxt);
}

static void
reserve_touches(Journeys *journeys, int64 n)
{
	if (n <= journeys->touches_allocated)
		return;
	n = Max(n, journeys->touches_allocated * 2);
	journeys->touch_at = repalloc_huge(journeys->touch_at, (Size) n * sizeof(int64));
	journeys->touch_channel = repalloc_huge(journeys->touch_channel, (Size) n * sizeof(uint32));
	journeys->touches_allocated = n;
}

static Conversion *
add_conversion(Journeys *journeys)
{
	if (journeys->nconversions == journeys->conversions_allocated)
	{
		journeys->conversions_allocated *= 2;
		journeys->conversions = repalloc_huge(journeys->conversions,
											  (Size) journeys->conversions_allocated * sizeof(Conversion));
	}
	return &journeys->conversions[journeys->nconversions++];
}

/* Do the stays have more than one ref, none counted as one? */
static bool
refs_differ(const Stays *stays, const Lead *lead)
{
	if (lead->rich)
		for (int64 i = 1; i < stays->n; i++)
			if (key_cmp(&lead->ref[stays->stays[i].first], &lead->ref[stays->stays[0].first]) != 0)
				return true;
	return false;
}

static int
ref_cmp(const void *a, const void *b, void *arg)
{
	const Lead *lead = arg;
	const Stay *x = *(const Stay *const *) a;
	const Stay *y = *(const Stay *const *) b;
	int			c = key_cmp(&lead->ref[x->first], &lead->ref[y->first]);

	return c != 0 ? c : (x->first > y->first) - (x->first < y->first);
}

/*
 * Where a lead has several refs, several deals, its stays alternate between
 * them, and a deal that is told of again is not won again. Of each stay in the
 * conversion's stage: the next of the same ref, if it is in that stage too, and
 * nothing of that ref between; otherwise -1. NULL if there is but one ref.
 */
static const int64 *
find_repetitions(Journeys *journeys, const Lead *lead)
{
	const Stays *stays = &journeys->stays;
	uint32		conversion = journeys->scope.conversion;

	if (!refs_differ(stays, lead))
		return NULL;
	if (stays->n > journeys->stays_allocated)
	{
		Size		n = (Size) Max(stays->n, 2 * journeys->stays_allocated);

		if (journeys->by_ref != NULL)
		{
			pfree(journeys->by_ref);
			pfree(journeys->goes_on);
			pfree(journeys->repeats);
		}
		journeys->by_ref = NULL;
		journeys->stays_allocated = 0;
		journeys->by_ref = MemoryContextAllocHuge(journeys->cxt, n * sizeof(Stay *));
		journeys->goes_on = MemoryContextAllocHuge(journeys->cxt, n * sizeof(int64));
		journeys->repeats = MemoryContextAllocHuge(journeys->cxt, n * sizeof(bool));
		journeys->stays_allocated = (int64) n;
	}
	for (int64 i = 0; i < stays->n; i++)
		journeys->by_ref[i] = &stays->stays[i];
	qsort_arg(journeys->by_ref, (Size) stays->n, sizeof(Stay *), ref_cmp, unconstify(Lead *, lead));
	memset(journeys->repeats, false, (Size) stays->n * sizeof(bool));
	for (int64 i = 0; i < stays->n; i++)
	{
		const Stay *stay = journeys->by_ref[i];
		const Stay *next = i + 1 < stays->n ? journeys->by_ref[i + 1] : NULL;
		int64	   *goes_on = &journeys->goes_on[stay - stays->stays];

		*goes_on = -1;
		if (next != NULL && stay->stage == conversion && next->stage == conversion &&
			key_cmp(&lead->ref[stay->first], &lead->ref[next->first]) == 0)
		{
			*goes_on = next - stays->stays;
			journeys->repeats[*goes_on] = true;
		}
	}
	return journeys->goes_on;
}

/* The last amount of a stay and of those that go on with it. */
static void
find_amount(const Journeys *journeys, const Lead *lead, const int64 *goes_on, int64 stay,
			Amount *amount)
{
	amount->kind = AMOUNT_NONE;
	for (; stay >= 0; stay = goes_on == NULL ? -1 : goes_on[stay])
		last_amount(lead, journeys->stays.stays[stay].first, journeys->stays.stays[stay].last,
					journeys->scope.nstages, amount);
}

/* The conversions among the stays, with their amounts, refs and milestones. */
static void
find_conversions(Journeys *journeys, const Lead *lead, int64 n)
{
	const JourneyScope *scope = &journeys->scope;
	const Stay *stays;
	int64		nstays;
	int64		entered = 0;	/* stays until now */
	int64		milestones[MILESTONES_MAX];
	const int64 *goes_on;

	stays_build(&journeys->stays, lead, n, scope->nstages);
	stays = journeys->stays.stays;
	nstays = journeys->stays.n;
	goes_on = find_repetitions(journeys, lead);
	for (int m = 0; m < scope->nmilestones; m++)
		milestones[m] = MILESTONE_NONE;
	for (int64 i = 0; i < nstays; i++)
	{
		Conversion *conversion;

		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		if (stays[i].stage != scope->conversion || (goes_on != NULL && journeys->repeats[i]))
			continue;
		/* an entry at the same time is not after the conversion */
		for (; scope->nmilestones > 0 && entered < nstays &&
			 stays[entered].entered_at <= stays[i].entered_at; entered++)
			for (int m = 0; m < scope->nmilestones; m++)
				if (stays[entered].stage == scope->milestones[m])
					milestones[m] = stays[entered].entered_at;
		if (!in_period(&scope->period, stays[i].entered_at))
			continue;
		conversion = add_conversion(journeys);
		conversion->at = stays[i].entered_at;
		memcpy(conversion->milestones, milestones, scope->nmilestones * sizeof(int64));
		conversion->ref.kclass = KEY_NONE;
		conversion->amount.kind = AMOUNT_NONE;
		if (lead->rich)
		{
			find_amount(journeys, lead, goes_on, i, &conversion->amount);
			conversion->ref = lead->ref[stays[i].first];
		}
	}
}

void
journeys_read(Journeys *journeys, const Lead *lead)
{
	const JourneyScope *scope = &journeys->scope;
	int64		n = lead_count_before(lead, scope->as_of);
	int64		ntouches = 0;
	int64		first = 0,
				end = 0;

	journeys->converts = false;
	journeys->nconversions = 0;
	reserve_touches(journeys, n);
	for (int64 i = 0; i < n; i++)
	{
		uint32		label = lead->label[i];

		if (label >= scope->nstages)
		{
			if (scope->channels == NULL || scope->channels[label])
			{
				journeys->touch_at[ntouches] = lead->at[i];
				journeys->touch_channel[ntouches++] = label;
			}
		}
		else if (label == scope->conversion)
			journeys->converts = true;
	}
	journeys->ntouches = ntouches;
	if (!journeys->converts)
		return;

	find_conversions(journeys, lead, n);
	for (int64 i = 0; i < journeys->nconversions; i++)
	{
		Conversion *conversion = &journeys->conversions[i];

		while (end < ntouches && journeys->touch_at[end] <= conversion->at)
			end++;
		while (first < end &&
			   (uint64) conversion->at - (uint64) journeys->touch_at[first] > scope->lookback)
			first++;
		conversion->first = first;
		conversion->n = end - first;
	}
}

bool
journeys_unfinished(const Journeys *journeys, int64 *first, int64 *n)
{
	const JourneyScope *scope = &journeys->scope;
	const int64 *at = journeys->touch_at;
	int64		last = journeys->ntouches - 1;
	int64		i = 0;

	if (journeys->converts || last < 0 || !in_period(&scope->period, at[last]))
		return false;
	if (scope->lookback != NO_LIMIT)
		while ((uint64) at[last] - (uint64) at[i] > scope->lookback)
			i++;
	*first = i;
	*n = last - i + 1;
	return true;
}
