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

/* The conversions among the stays, with their amounts, refs and milestones. */
static void
find_conversions(Journeys *journeys, const Lead *lead, int64 n)
{
	const JourneyScope *scope = &journeys->scope;
	const Stay *stays;
	int64		nstays;
	int64		entered = 0;	/* stays until now */
	int64		milestones[MILESTONES_MAX];

	stays_build(&journeys->stays, lead, n, scope->nstages);
	stays = journeys->stays.stays;
	nstays = journeys->stays.n;
	for (int m = 0; m < scope->nmilestones; m++)
		milestones[m] = MILESTONE_NONE;
	for (int64 i = 0; i < nstays; i++)
	{
		Conversion *conversion;

		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		if (stays[i].stage != scope->conversion)
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
		conversion->amount.kind = AMOUNT_NONE;
		conversion->ref.kclass = KEY_NONE;
		if (lead->rich)
		{
			if (!last_amount(lead, stays[i].first, stays[i].last, scope->nstages,
							 &conversion->amount))
				conversion->amount.kind = AMOUNT_NONE;
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
