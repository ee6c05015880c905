/*
 * handoffs.c
 *	  What becomes of leads that wait for another team.
 */
#include "postgres.h"

#include "handoffs.h"
#include "interrupts.h"

void
handoffs_begin(Handoffs *eval, MemoryContext cxt)
{
	for (int i = 0; i < eval->n; i++)
	{
		samples_init(&eval->handoffs[i].latency, cxt);
		eval->handoffs[i].latency.calendar = eval->scope.calendar;
	}
	stays_init(&eval->stays, cxt);
}

/*
 * One wait: the stays first to last, all in the stage that waits. The lead came
 * back later, if it did.
 */
static void
count_wait(Handoff *handoff, const StayScope *scope, const Stays *stays,
		   int64 first, int64 last, bool came_back)
{
	const Stay *stay = &stays->stays[first];
	uint64		waited;
	uint8		answer;
	bool		within;

	if (last == stays->n - 1)
	{
		within = !handoff->has_sla || stay_age(scope, stay) <= handoff->allowed;
		handoff->offered++;
		if (within)
			handoff->pending++;
		else
		{
			handoff->no_response++;
			handoff->breached++;
		}
		return;
	}
	answer = handoff->roles[stays->stays[last + 1].stage];
	if ((answer & (ROLE_ACCEPTS | ROLE_REJECTS)) == 0)
		return;
	waited = duration_between(scope->calendar, stay->entered_at,
							  stays->stays[last + 1].entered_at);
	handoff->offered++;
	if (answer & ROLE_ACCEPTS)
	{
		handoff->accepted++;
		handoff->handed_back += came_back;
		samples_add(&handoff->latency, waited);
	}
	else
		handoff->rejected++;
	if (handoff->has_sla)
	{
		within = waited <= handoff->allowed;
		handoff->met += within;
		handoff->breached += !within;
	}
}

void
handoffs_add(Handoffs *eval, const Lead *lead)
{
	const StayScope *scope = &eval->scope;
	Stays	   *stays = &eval->stays;

	stays_build(stays, lead, lead_count_before(lead, scope->as_of), scope->nstages);
	for (int h = 0; h < eval->n; h++)
	{
		Handoff    *handoff = &eval->handoffs[h];
		bool		comes_back = false; /* after stay i? */
		bool		came_back = false;	/* after the wait that stay i is in? */
		int64		last = -1;	/* of that wait */

		for (int64 i = stays->n - 1; i >= 0; i--)
		{
			uint8		role = handoff->roles[stays->stays[i].stage];

			check_interrupts_at(i);
			/* a change of ref within the stage goes on with the wait */
			if (role & ROLE_WAITS)
			{
				if (last < 0)
				{
					last = i;
					came_back = comes_back;
				}
				if (i == 0 || !(handoff->roles[stays->stays[i - 1].stage] & ROLE_WAITS))
				{
					count_wait(handoff, scope, stays, i, last, came_back);
					last = -1;
				}
			}
			if (role & ROLE_FINAL)
				comes_back = false;
			else if (role & ROLE_RETURNS)
				comes_back = true;
		}
	}
}

bool
open_lead_read(const OpenScope *scope, const Lead *lead, OpenLead *open)
{
	int64		n = lead_count_before(lead, scope->as_of);
	int64		later = -1;		/* the stage event after event i */
	int32		group;

	if (!stays_open(&open->stay, lead, n, scope->nstages) ||
		(group = scope->groups[open->stay.stage]) == 0)
		return false;
	open->since = open->stay.first;
	open->before = -1;
	open->times = 0;
	for (int64 i = n - 1; i >= 0; i--)
	{
		uint32		label = lead->label[i];

		check_interrupts_at(i);
		if (label >= scope->nstages)
			continue;
		if (scope->groups[label] != 0 && (later < 0 || !same_stay(lead, i, later)))
			open->times++;
		if (open->before < 0)
		{
			if (scope->groups[label] == group)
				open->since = i;
			else
				open->before = i;
		}
		later = i;
	}

	open->touches_before = open->touches = 0;
	open->last_touch = -1;
	FOR_INTERRUPTIBLE(i, n)
	{
		uint32		label = lead->label[i];

		if (label < scope->nstages || (scope->channels != NULL && !scope->channels[label]))
			continue;
		if (i < open->since)
			open->touches_before++;
		else
		{
			open->touches++;
			open->last_touch = i;
		}
	}
	open->has_amount = last_amount(lead, 0, n - 1, scope->nstages, &open->amount);
	return true;
}

/* A lead that is in a stage where leads are lost is lost at the furthest place it was in. */
void
lost_leads_add(LostLeads *eval, const Lead *lead)
{
	int64		n = lead_count_before(lead, eval->as_of);
	int32		furthest = 0;
	Stay		stay;
	Amount		amount;

	if (!stays_open(&stay, lead, n, eval->nstages) ||
		eval->places[stay.stage] != PLACE_LOST)
		return;
	FOR_INTERRUPTIBLE(i, n)
	{
		if (lead->label[i] < eval->nstages)
			furthest = Max(furthest, eval->places[lead->label[i]]);
	}
	eval->lost[furthest].leads++;
	if (last_amount(lead, 0, n - 1, eval->nstages, &amount))
		amount_sum_add(&eval->lost[furthest].amount, &amount);
}
