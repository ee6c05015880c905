/*
 * attribution.c
 *	  Adding up what channels have earned.
 *
 * Credits are whole numbers of a small unit, amounts exact decimals: sums do
 * not depend on the order of leads, and they are what was there to be split.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "attribution.h"
#include "compat.h"
#include "interrupts.h"

void
attribution_begin(Attribution *eval, MemoryContext cxt)
{
	const JourneyScope *scope = &eval->journeys.scope;

	eval->cxt = cxt;
	eval->work = AllocSetContextCreate(cxt, "funnel amounts", ALLOCSET_SMALL_SIZES);
	eval->nchannels = scope->nlabels - scope->nstages;
	eval->channels = alloc_zeroed(cxt, ((Size) eval->nchannels + 1) * sizeof(ChannelCredit));
	eval->conversions = 0;
	memset(&eval->attributed, 0, sizeof(AmountSum));
	eval->parts = NULL;
	eval->parts_allocated = 0;
	journeys_init(&eval->journeys, cxt);
	splitter_init(&eval->splitter, eval->model.kind == MODEL_SHAPLEY ? scope->nlabels : 0, cxt);
	if (eval->model.kind == MODEL_MARKOV)
		chain_begin(&eval->chain, eval->order, scope->nlabels, cxt);
}

void
attribution_weigh(Attribution *eval, const Conversion *conversion)
{
	Journey		journey = conversion_journey(&eval->journeys, conversion);

	splitter_weigh(&eval->splitter, &eval->model, &journey);
}

static Amount *
split_amount(Attribution *eval, const Amount *amount, int64 n)
{
	MemoryContext old;

	if (n > eval->parts_allocated)
	{
		Size		size = (Size) Max(Max(n, 64), eval->parts_allocated * 2);

		if (eval->parts != NULL)
			pfree(eval->parts);
		eval->parts_allocated = 0;
		eval->parts = MemoryContextAllocHuge(eval->cxt, size * sizeof(Amount));
		eval->parts_allocated = (int64) size;
	}
	MemoryContextReset(eval->work);
	old = MemoryContextSwitchTo(eval->work);
	splitter_split_amount(&eval->splitter, amount, eval->parts);
	MemoryContextSwitchTo(old);
	return eval->parts;
}

const Amount *
attribution_split_amount(Attribution *eval, const Conversion *conversion)
{
	return split_amount(eval, &conversion->amount, conversion->n);
}

static void
add_conversion(Attribution *eval, const Conversion *conversion)
{
	const uint32 *labels = eval->journeys.touch_channel + conversion->first;
	ChannelCredit *channels = eval->channels;
	uint32		nstages = eval->journeys.scope.nstages;

	eval->conversions++;
	if (conversion->n == 0)
	{
		ChannelCredit *nobody = &eval->channels[eval->nchannels];

		nobody->seen = true;
		nobody->credit += CREDIT_ONE;
		amount_sum_add(&nobody->amount, &conversion->amount);
		return;
	}
	FOR_INTERRUPTIBLE(i, conversion->n)
	{
		ChannelCredit *channel = &channels[labels[i] - nstages];

		if (channel->last_influenced == eval->conversions)
			continue;
		channel->last_influenced = eval->conversions;
		channel->influenced++;
		amount_sum_add(&channel->influenced_amount, &conversion->amount);
	}
	if (eval->model.kind == MODEL_MARKOV)
	{
		chain_add(&eval->chain, labels, conversion->n, true);
		amount_sum_add(&eval->attributed, &conversion->amount);
		return;
	}
	attribution_weigh(eval, conversion);
	splitter_split(&eval->splitter, CREDIT_ONE);
	FOR_INTERRUPTIBLE(i, conversion->n)
		channels[labels[i] - nstages].credit += eval->splitter.parts[i];
	if (conversion->amount.kind != AMOUNT_NONE)
	{
		const Amount *parts = attribution_split_amount(eval, conversion);

		FOR_INTERRUPTIBLE(i, conversion->n)
			amount_sum_add(&channels[labels[i] - nstages].amount, &parts[i]);
	}
}

void
attribution_add(Attribution *eval, const Lead *lead)
{
	Journeys   *journeys = &eval->journeys;
	uint32		nstages = journeys->scope.nstages;
	int64		first;
	int64		n;

	journeys_read(journeys, lead);
	FOR_INTERRUPTIBLE(i, journeys->ntouches)
		eval->channels[journeys->touch_channel[i] - nstages].seen = true;
	for (int64 i = 0; i < journeys->nconversions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_conversion(eval, &journeys->conversions[i]);
	}
	if (eval->model.kind == MODEL_MARKOV && eval->include_null &&
		journeys_unfinished(journeys, &first, &n))
		chain_add(&eval->chain, journeys->touch_channel + first, n, false);
}

/* The shares of the chain: by effect, amounts split exactly. */
static void
share_by_effects(Attribution *eval)
{
	const double *effects = eval->chain.effects + eval->journeys.scope.nstages;
	uint64	   *weights = attribution_effects(eval, eval->cxt) + eval->journeys.scope.nstages;
	double		sum = 0;
	Datum		total;

	for (uint32 i = 0; i < eval->nchannels; i++)
		sum += effects[i];
	if (sum == 0)
		return;
	FOR_INTERRUPTIBLE(i, eval->nchannels)
		eval->channels[i].conversions = effects[i] / sum * (double) eval->chain.converted;
	if (amount_sum_numeric(&eval->attributed, &total))
	{
		Amount		amount;
		const Amount *parts;

		amount_from_numeric(&amount, total);
		splitter_set(&eval->splitter, weights, eval->nchannels);
		parts = split_amount(eval, &amount, eval->nchannels);
		FOR_INTERRUPTIBLE(i, eval->nchannels)
			if (weights[i] > 0)
				amount_sum_add(&eval->channels[i].amount, &parts[i]);
	}
}

void
attribution_finish(Attribution *eval)
{
	FOR_INTERRUPTIBLE(i, (int64) eval->nchannels + 1)
		eval->channels[i].conversions = (double) eval->channels[i].credit / (double) CREDIT_ONE;
	if (eval->model.kind == MODEL_MARKOV)
	{
		chain_solve(&eval->chain);
		share_by_effects(eval);
	}
}

uint64 *
attribution_effects(const Attribution *eval, MemoryContext cxt)
{
	uint32		nlabels = eval->journeys.scope.nlabels;
	uint64	   *weights = alloc_zeroed(cxt, ((Size) nlabels + 1) * sizeof(uint64));

	FOR_INTERRUPTIBLE(label, nlabels)
		if (eval->chain.effects[label] > 0)
			weights[label] = Max((uint64) rint(ldexp(eval->chain.effects[label], 62)), 1);
	return weights;
}

/* ------------------------------------------------------------------------
 * Who came first
 * ------------------------------------------------------------------------
 */

void
sourced_begin(Sourced *eval, MemoryContext cxt)
{
	memset(eval->teams, 0, sizeof(eval->teams));
	eval->conversions = 0;
	journeys_init(&eval->journeys, cxt);
}

void
sourced_add(Sourced *eval, const Lead *lead)
{
	Journeys   *journeys = &eval->journeys;

	journeys_read(journeys, lead);
	for (int64 i = 0; i < journeys->nconversions; i++)
	{
		const Conversion *conversion = &journeys->conversions[i];
		const uint32 *labels = journeys->touch_channel + conversion->first;
		Team		source = conversion->n > 0 ? eval->team_of[labels[0]] : TEAM_NONE;
		bool		touched[TEAMS] = {false};
		TeamCount  *team = &eval->teams[source];

		CHECK_FOR_INTERRUPTS();
		FOR_INTERRUPTIBLE(touch, conversion->n)
			touched[eval->team_of[labels[touch]]] = true;
		eval->conversions++;
		team->sourced++;
		amount_sum_add(&team->sourced_amount, &conversion->amount);
		for (int other = 0; other < TEAM_NONE; other++)
			if (touched[other])
			{
				eval->teams[other].influenced++;
				amount_sum_add(&eval->teams[other].influenced_amount, &conversion->amount);
			}
		/* sales for marketing, marketing for sales, either of them for others */
		if ((source != TEAM_MARKETING && touched[TEAM_MARKETING]) ||
			(source != TEAM_SALES && touched[TEAM_SALES]))
		{
			team->assisted++;
			amount_sum_add(&team->assisted_amount, &conversion->amount);
		}
	}
}
