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
#include "interrupts.h"
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
	journeys->milestones = MemoryContextAlloc(cxt, journeys->conversions_allocated *
											  (journeys->scope.nmilestones + 1) * sizeof(int64));
	journeys->by_ref = NULL;
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
		journeys->milestones = repalloc_huge(journeys->milestones,
											 (Size) journeys->conversions_allocated *
											 (journeys->scope.nmilestones + 1) * sizeof(int64));
	}
	return &journeys->conversions[journeys->nconversions++];
}

/* Do the stays have more than one ref, none counted as one? */
static bool
refs_differ(const Stays *stays, const Lead *lead)
{
	if (lead->rich)
		FOR_INTERRUPTIBLE(i, stays->n)
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

	CHECK_FOR_INTERRUPTS();
	return c != 0 ? c : (x->first > y->first) - (x->first < y->first);
}

static void
reserve_stays(Journeys *journeys, int64 n)
{
	Size		size;

	if (n <= journeys->stays_allocated)
		return;
	size = (Size) Max(n, 2 * journeys->stays_allocated);
	if (journeys->by_ref != NULL)
	{
		pfree(journeys->by_ref);
		pfree(journeys->goes_on);
		pfree(journeys->repeats);
		pfree(journeys->conversion_of);
		pfree(journeys->entries);
	}
	journeys->by_ref = NULL;
	journeys->stays_allocated = 0;
	journeys->goes_on = MemoryContextAllocHuge(journeys->cxt, size * sizeof(int64));
	journeys->repeats = MemoryContextAllocHuge(journeys->cxt, size * sizeof(bool));
	journeys->conversion_of = MemoryContextAllocHuge(journeys->cxt, size * sizeof(int64));
	journeys->entries = MemoryContextAllocHuge(journeys->cxt, size * sizeof(int64));
	journeys->by_ref = MemoryContextAllocHuge(journeys->cxt, size * sizeof(Stay *));
	journeys->stays_allocated = (int64) size;
}

/*
 * Where a lead has several refs, several deals, its stays alternate between
 * them, and a deal that is told of again has not come again. Marks the stays
 * whose ref was in the same stage before, and of those in the conversion's
 * stage finds which goes on with which. False if there is but one ref.
 */
static bool
find_repetitions(Journeys *journeys, const Lead *lead)
{
	const Stays *stays = &journeys->stays;

	if (!refs_differ(stays, lead))
		return false;
	reserve_stays(journeys, stays->n);
	FOR_INTERRUPTIBLE(i, stays->n)
	{
		journeys->by_ref[i] = &stays->stays[i];
		journeys->goes_on[i] = journeys->conversion_of[i] = -1;
		journeys->repeats[i] = false;
	}
	qsort_arg(journeys->by_ref, (Size) stays->n, sizeof(Stay *), ref_cmp, unconstify(Lead *, lead));
	for (int64 i = 1; i < stays->n; i++)
	{
		const Stay *before = journeys->by_ref[i - 1];
		const Stay *stay = journeys->by_ref[i];

		check_interrupts_at(i);
		if (stay->stage != before->stage ||
			key_cmp(&lead->ref[before->first], &lead->ref[stay->first]) != 0)
			continue;
		journeys->repeats[stay - stays->stays] = true;
		if (stay->stage == journeys->scope.conversion)
			journeys->goes_on[before - stays->stays] = stay - stays->stays;
	}
	return true;
}

/* The last amount of a conversion that begins with a stay. */
static void
find_amount(const Journeys *journeys, const Lead *lead, bool several, int64 stay,
			Amount *amount)
{
	amount->kind = AMOUNT_NONE;
	for (int64 i = 0; stay >= 0; stay = several ? journeys->goes_on[stay] : -1)
	{
		check_interrupts_at(i++);
		last_amount(lead, journeys->stays.stays[stay].first, journeys->stays.stays[stay].last,
					journeys->scope.nstages, amount);
	}
}

/* The conversions among the stays, with their amounts and refs. */
static void
find_conversions(Journeys *journeys, const Lead *lead, bool several)
{
	const JourneyScope *scope = &journeys->scope;
	const Stay *stays = journeys->stays.stays;

	for (int64 i = 0; i < journeys->stays.n; i++)
	{
		Conversion *conversion;

		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		if (stays[i].stage != scope->conversion || (several && journeys->repeats[i]) ||
			!in_period(&scope->period, stays[i].entered_at))
			continue;
		conversion = add_conversion(journeys);
		conversion->at = stays[i].entered_at;
		conversion->ref.kclass = KEY_NONE;
		conversion->amount.kind = AMOUNT_NONE;
		if (lead->rich)
		{
			find_amount(journeys, lead, several, i, &conversion->amount);
			conversion->ref = lead->ref[stays[i].first];
		}
		if (several)
			journeys->conversion_of[i] = journeys->nconversions - 1;
	}
}

static inline int64 *
milestone(const Journeys *journeys, int64 conversion, int m)
{
	return &journeys->milestones[conversion * journeys->scope.nmilestones + m];
}

/* Entries of any ref, for the conversions that have none. */
static void
find_milestone(Journeys *journeys, bool several, int m)
{
	const Stay *stays = journeys->stays.stays;
	int64		last = MILESTONE_NONE;
	int64		stay = 0;

	FOR_INTERRUPTIBLE(i, journeys->nconversions)
	{
		/* an entry at the same time is not after the conversion */
		for (; stay < journeys->stays.n && stays[stay].entered_at <= journeys->conversions[i].at; stay++)
		{
			check_interrupts_at(stay);
			if (stays[stay].stage == journeys->scope.milestones[m] && !(several && journeys->repeats[stay]))
				last = stays[stay].entered_at;
		}
		*milestone(journeys, i, m) = last;
	}
}

/* The last of n times, ascending, that is not after at. */
static int64
last_before(const int64 *times, int64 n, int64 at)
{
	int64		lo = 0;

	while (lo < n)
	{
		int64		mid = lo + (n - lo) / 2;

		if (times[mid] <= at)
			lo = mid + 1;
		else
			n = mid;
	}
	return lo == 0 ? MILESTONE_NONE : times[lo - 1];
}

/* Entries of the conversion's own ref, or without one. */
static void
find_milestone_by_ref(Journeys *journeys, const Lead *lead, int m)
{
	const Stay *stays = journeys->stays.stays;
	uint32		stage = journeys->scope.milestones[m];
	int64		nentries = 0;
	int64		n = journeys->stays.n;

	FOR_INTERRUPTIBLE(i, n)
		if (stays[i].stage == stage && lead->ref[stays[i].first].kclass == KEY_NONE && !journeys->repeats[i])
			journeys->entries[nentries++] = stays[i].entered_at;
	for (int64 start = 0, end; start < n; start = end)
	{
		const Key  *ref = &lead->ref[journeys->by_ref[start]->first];
		int64		last = MILESTONE_NONE;
		int64		p = start;

		CHECK_FOR_INTERRUPTS();
		for (end = start + 1; end < n; end++)
		{
			check_interrupts_at(end);
			if (key_cmp(ref, &lead->ref[journeys->by_ref[end]->first]) != 0)
				break;
		}
		for (int64 i = start; i < end && ref->kclass != KEY_NONE; i++)
		{
			int64		conversion = journeys->conversion_of[journeys->by_ref[i] - stays];
			int64		at = journeys->by_ref[i]->entered_at;

			check_interrupts_at(i);
			if (conversion < 0)
				continue;
			for (; p < end && journeys->by_ref[p]->entered_at <= at; p++)
				if (journeys->by_ref[p]->stage == stage && !journeys->repeats[journeys->by_ref[p] - stays])
					last = journeys->by_ref[p]->entered_at;
			*milestone(journeys, conversion, m) = Max(last, last_before(journeys->entries, nentries, at));
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
	bool		several;

	journeys->converts = false;
	journeys->nconversions = 0;
	reserve_touches(journeys, n);
	FOR_INTERRUPTIBLE(i, n)
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

	stays_build(&journeys->stays, lead, n, scope->nstages);
	several = find_repetitions(journeys, lead);
	find_conversions(journeys, lead, several);
	for (int m = 0; m < scope->nmilestones; m++)
	{
		find_milestone(journeys, several, m);
		if (several)
			find_milestone_by_ref(journeys, lead, m);
	}
	FOR_INTERRUPTIBLE(i, journeys->nconversions)
	{
		Conversion *conversion = &journeys->conversions[i];

		while (end < ntouches && journeys->touch_at[end] <= conversion->at)
			check_interrupts_at(end++);
		while (first < end &&
			   (uint64) conversion->at - (uint64) journeys->touch_at[first] > scope->lookback)
			check_interrupts_at(first++);
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
			check_interrupts_at(i++);
	*first = i;
	*n = last - i + 1;
	return true;
}
