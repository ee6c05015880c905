/*
 * lead.c
 *	  The arrays of one lead's events, and their canonical order.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "interrupts.h"
#include "lead.h"
#include "memory.h"

void
lead_init(Lead *lead, bool rich, MemoryContext cxt)
{
	memset(lead, 0, sizeof(Lead));
	lead->rich = rich;
	lead->cxt = cxt;
}

void
lead_enlarge(Lead *lead, int64 n)
{
	int64		size = Max(Max(n, lead->allocated * 2), 64);

	lead->at = enlarge(lead->cxt, lead->at, (Size) size * sizeof(int64));
	lead->label = enlarge(lead->cxt, lead->label, (Size) size * sizeof(uint32));
	if (lead->rich)
	{
		lead->amount = enlarge(lead->cxt, lead->amount, (Size) size * sizeof(Amount));
		lead->ref = enlarge(lead->cxt, lead->ref, (Size) size * sizeof(Key));
	}
	lead->allocated = size;
}

void
lead_copy_event(Lead *to, int64 i, const Lead *from, int64 j)
{
	to->at[i] = from->at[j];
	to->label[i] = from->label[j];
	if (to->rich)
	{
		if (from->rich)
		{
			to->amount[i] = from->amount[j];
			to->ref[i] = from->ref[j];
		}
		else
			lead_set_plain(to, i);
	}
}

int
lead_cmp_events(const Lead *lead, int64 i, int64 j)
{
	int			c;

	if (lead->at[i] != lead->at[j])
		return lead->at[i] < lead->at[j] ? -1 : 1;
	if (lead->label[i] != lead->label[j])
		return lead->label[i] < lead->label[j] ? -1 : 1;
	if (!lead->rich)
		return 0;
	c = amount_cmp(&lead->amount[i], &lead->amount[j]);
	if (c != 0)
		return c;
	return key_cmp_text(&lead->ref[i], &lead->ref[j]);
}

/* What is sorted in place of the events: small, and most often sufficient. */
typedef struct SortItem
{
	int64		at;
	uint32		label;
	uint32		index;
} SortItem;

static inline int
sort_item_cmp(const SortItem *a, const SortItem *b, const Lead *lead)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (a->label != b->label)
		return a->label < b->label ? -1 : 1;
	if (!lead->rich)
		return 0;
	return lead_cmp_events(lead, a->index, b->index);
}

#define ST_SORT sort_items
#define ST_ELEMENT_TYPE SortItem
#define ST_COMPARE(a, b, lead) sort_item_cmp(a, b, lead)
#define ST_COMPARE_ARG_TYPE const Lead
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

static void
sort_few(Lead *lead)
{
	for (int64 i = 1; i < lead->n; i++)
	{
		int64		at = lead->at[i];
		uint32		label = lead->label[i];
		int64		j = i;

		while (j > 0 && (lead->at[j - 1] > at ||
						 (lead->at[j - 1] == at && lead->label[j - 1] > label)))
		{
			lead->at[j] = lead->at[j - 1];
			lead->label[j] = lead->label[j - 1];
			j--;
		}
		lead->at[j] = at;
		lead->label[j] = label;
	}
}

void
lead_sort(Lead *lead)
{
	SortItem   *items;
	Lead		sorted;
	Lead		old;
	int64		i;

	if (!lead->rich && lead->n <= 16)
	{
		sort_few(lead);
		return;
	}
	for (i = 1; i < lead->n; i++)
	{
		check_interrupts_at(i);
		if (lead_cmp_events(lead, i - 1, i) > 0)
			break;
	}
	if (i >= lead->n)
		return;

	items = MemoryContextAllocHuge(lead->cxt, (Size) lead->n * sizeof(SortItem));
	FOR_INTERRUPTIBLE(k, lead->n)
	{
		items[k].at = lead->at[k];
		items[k].label = lead->label[k];
		items[k].index = (uint32) k;
	}
	sort_items(items, (size_t) lead->n, lead);

	if (!lead->rich)
	{
		FOR_INTERRUPTIBLE(k, lead->n)
		{
			lead->at[k] = items[k].at;
			lead->label[k] = items[k].label;
		}
	}
	else
	{
		lead_init(&sorted, true, lead->cxt);
		sorted.key = lead->key;
		lead_reserve(&sorted, lead->n);
		FOR_INTERRUPTIBLE(k, lead->n)
			lead_copy_event(&sorted, k, lead, items[k].index);
		sorted.n = lead->n;
		old = *lead;
		*lead = sorted;
		/* to give much memory back takes its time */
		pfree(old.at);
		pfree(old.label);
		CHECK_FOR_INTERRUPTS();
		pfree(old.amount);
		CHECK_FOR_INTERRUPTS();
		pfree(old.ref);
		CHECK_FOR_INTERRUPTS();
	}
	pfree(items);
}
