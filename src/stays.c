/*
 * stays.c
 *	  Events to stays.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "compat.h"
#include "interrupts.h"
#include "stays.h"

void
stays_init(Stays *stays, MemoryContext cxt)
{
	stays->cxt = cxt;
	stays->n = 0;
	stays->allocated = 64;
	stays->stays = MemoryContextAlloc(cxt, stays->allocated * sizeof(Stay));
}

void
stays_build(Stays *stays, const Lead *lead, int64 n, uint32 nstages)
{
	Stay	   *stay = NULL;

	if (unlikely(n > stays->allocated))
	{
		stays->allocated = Max(n, stays->allocated * 2);
		stays->stays = repalloc_huge(stays->stays, stays->allocated * sizeof(Stay));
	}
	stays->n = 0;
	FOR_INTERRUPTIBLE(i, n)
	{
		if (lead->label[i] >= nstages)
			continue;
		if (stay != NULL && same_stay(lead, stay->last, i))
		{
			stay->last = i;
			continue;
		}
		stay = &stays->stays[stays->n++];
		stay->entered_at = lead->at[i];
		stay->first = stay->last = i;
		stay->stage = lead->label[i];
	}
}

bool
stays_open(Stay *stay, const Lead *lead, int64 n, uint32 nstages)
{
	int64		i = n - 1;

	while (i >= 0 && lead->label[i] >= nstages)
		check_interrupts_at(i--);
	if (i < 0)
		return false;
	stay->first = stay->last = i;
	while (--i >= 0)
	{
		check_interrupts_at(i);
		if (lead->label[i] >= nstages)
			continue;
		if (!same_stay(lead, i, stay->last))
			break;
		stay->first = i;
	}
	stay->entered_at = lead->at[stay->first];
	stay->stage = lead->label[stay->first];
	return true;
}

bool
last_amount(const Lead *lead, int64 first, int64 last, uint32 nstages,
			Amount *amount)
{
	if (!lead->rich)
		return false;
	for (int64 i = last; i >= first; i--)
	{
		check_interrupts_at(i);
		if (lead->label[i] < nstages && lead->amount[i].kind != AMOUNT_NONE)
		{
			*amount = lead->amount[i];
			return true;
		}
	}
	return false;
}
