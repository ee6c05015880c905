/*
 * stages.c
 *	  How long leads stay in stages, and in which they are now.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "interrupts.h"
#include "stages.h"

/* An array with an element for each stage, all zero. */
static void *
by_stage(const StayScope *scope, Size size, MemoryContext cxt)
{
	return alloc_zeroed(cxt, ((Size) scope->nstages + 1) * size);
}

uint64
stay_age(const StayScope *scope, const Stay *stay)
{
	if (scope->as_of == DT_NOEND)
		return FOREVER;
	return duration_between(scope->calendar, stay->entered_at, scope->as_of);
}

uint64
stay_allowance(const StayScope *scope, const Interval *interval)
{
	if (funnel_interval_is_infinite(interval))
		return FOREVER;
	if (scope->calendar != NULL)
		return (uint64) calendar_allowance(scope->calendar, interval);
	return Min(interval_limit(interval), FOREVER - 1);
}

/* The stays of a lead within scope, and which is the last; -1 if there is none. */
static const Stay *
build_stays(Stays *stays, const StayScope *scope, const Lead *lead, int64 *last)
{
	stays_build(stays, lead, lead_count_before(lead, scope->as_of), scope->nstages);
	*last = stays->n - 1;
	return stays->stays;
}

void
stages_begin(Stages *eval, MemoryContext cxt)
{
	eval->stages = by_stage(&eval->scope, sizeof(StageCount), cxt);
	FOR_INTERRUPTIBLE(i, eval->scope.nstages)
	{
		StageCount *count = &eval->stages[i];

		samples_init(&count->durations, cxt);
		samples_init(&count->ages, cxt);
		count->durations.calendar = count->ages.calendar = eval->scope.calendar;
	}
	eval->nleads = 0;
	stays_init(&eval->stays, cxt);
}

void
stages_add(Stages *eval, const Lead *lead)
{
	const StayScope *scope = &eval->scope;
	int64		last;
	const Stay *stays = build_stays(&eval->stays, scope, lead, &last);

	eval->nleads++;
	for (int64 i = 0; i <= last; i++)
	{
		const Stay *stay = &stays[i];
		StageCount *count = &eval->stages[stay->stage];

		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		if (!in_period(&scope->period, stay->entered_at))
			continue;
		count->entries++;
		count->leads += count->last_lead != eval->nleads;
		count->last_lead = eval->nleads;
		if (i < last)
			samples_add(&count->durations,
						duration_between(scope->calendar, stay->entered_at,
										 stay[1].entered_at));
		else
		{
			count->current++;
			if (scope->as_of != DT_NOEND)
			{
				uint64		age = stay_age(scope, stay);

				samples_add(&count->ages, age);
				count->oldest = Max(count->oldest, age);
			}
		}
	}
}

void
aging_begin(Aging *eval, MemoryContext cxt)
{
	eval->cxt = cxt;
	eval->counts = by_stage(&eval->scope, sizeof(int64 *), cxt);
}

/* The number of bounds that the age has reached. */
static int
find_bucket(const Aging *eval, uint64 age)
{
	int			lo = 0,
				hi = eval->nbounds;

	/* a bound may be beyond what an age can say */
	if (age == FOREVER)
		return eval->nbounds;
	while (lo < hi)
	{
		int			mid = lo + (hi - lo) / 2;

		if (age >= eval->bounds[mid])
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void
aging_add(Aging *eval, const Lead *lead)
{
	const StayScope *scope = &eval->scope;
	Stay		stay;
	int64	  **counts;

	if (!stays_open(&stay, lead, lead_count_before(lead, scope->as_of), scope->nstages) ||
		eval->exits[stay.stage])
		return;
	counts = &eval->counts[stay.stage];
	if (*counts == NULL)
		*counts = MemoryContextAllocZero(eval->cxt,
										 ((Size) eval->nbounds + 1) * sizeof(int64));
	(*counts)[find_bucket(eval, stay_age(scope, &stay))]++;
}

void
sla_begin(Sla *eval, MemoryContext cxt)
{
	eval->stages = by_stage(&eval->scope, sizeof(SlaCount), cxt);
	FOR_INTERRUPTIBLE(i, eval->scope.nstages)
		eval->stages[i].allowed = NO_LIMIT;
	stays_init(&eval->stays, cxt);
}

void
sla_add(Sla *eval, const Lead *lead)
{
	const StayScope *scope = &eval->scope;
	int64		last;
	const Stay *stays = build_stays(&eval->stays, scope, lead, &last);

	for (int64 i = 0; i <= last; i++)
	{
		const Stay *stay = &stays[i];
		SlaCount   *count = &eval->stages[stay->stage];
		bool		within;

		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		if (count->allowed == NO_LIMIT || !in_period(&scope->period, stay->entered_at))
			continue;
		count->entries++;
		if (i < last)
		{
			within = duration_between(scope->calendar, stay->entered_at,
									  stay[1].entered_at) <= count->allowed;
			count->met += within;
		}
		else
		{
			within = stay_age(scope, stay) <= count->allowed;
			count->pending += within;
		}
		count->breached += !within;
	}
}

bool
sla_stale(const Sla *eval, const Lead *lead, Stay *stay, uint64 *age)
{
	const StayScope *scope = &eval->scope;

	if (!stays_open(stay, lead, lead_count_before(lead, scope->as_of), scope->nstages) ||
		eval->stages[stay->stage].allowed == NO_LIMIT)
		return false;
	*age = stay_age(scope, stay);
	return *age > eval->stages[stay->stage].allowed;
}
