/*
 * forecast.c
 *	  The probability that an open lead is won within a horizon, and what all of
 *	  them come to.
 *
 * A lead that has been in its stage for time a is judged by the stays of the
 * past that lasted longer than a: from their age a on, how many were won within
 * the horizon, whatever happened in between. Stays that have been watched for
 * less than that count for as long as they were (Kaplan-Meier from the landmark
 * a on; all are censored by the same as_of). With Y of them not won just before
 * some time and d won at it:
 *
 *	S = product over the times in (a, a + horizon] of 1 - d / Y,	p = 1 - S
 *
 * What makes p uncertain makes that of other leads uncertain as well: they rest
 * on the same stays, and stays of one lead in several stages hang together. So
 * the influence of each stay on the sum over all open leads is added up by the
 * lead of the stay, and the sum of the squares is the variance (the
 * infinitesimal jackknife). With weights w, dp/dw of a stay that was won at t is
 *
 *	S / (Y(t) - d(t)) - S * sum over times up to t of d / (Y (Y - d))
 *
 * and of one that was not the second term alone, up to where it was watched.
 */
#include "postgres.h"

#include <math.h>

#include "utils/float.h"
#include "utils/memutils.h"

#include "compat.h"
#include "forecast.h"
#include "interrupts.h"
#include "samples.h"

/* A stay of the past. Durations are from the entry on, in microseconds. */
typedef struct Spell
{
	uint64		stayed;			/* in the stage, until it was left or as_of */
	uint64		until;			/* the win, or as_of */
	uint64		watched;		/* as_of, won or not */
	uint32		lead;
	bool		won;
	double		on_wins;		/* its influence on the sums */
	double		on_amount;
} Spell;

#define ST_SORT sort_spells
#define ST_ELEMENT_TYPE Spell
#define ST_COMPARE(a, b) ((a)->until < (b)->until ? -1 : (a)->until > (b)->until)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static inline int
open_cmp(const OpenLead *a, const OpenLead *b)
{
	if (a->age != b->age)
		return a->age < b->age ? -1 : 1;
	return a->number < b->number ? -1 : a->number > b->number;
}

#define ST_SORT sort_open
#define ST_ELEMENT_TYPE OpenLead
#define ST_COMPARE(a, b) open_cmp(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_times
#define ST_ELEMENT_TYPE uint64
#define ST_COMPARE(a, b) (*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

uint64
forecast_enough(uint64 *watched, int64 n)
{
	int64		enough = Max(Min(Max((int64) ceil(sqrt((double) n)), 10), n / 4), 1);

	sort_times(watched, (size_t) n);
	return watched[n - enough];
}

void
forecast_begin(Forecast *eval, MemoryContext cxt)
{
	eval->cxt = cxt;
	eval->stages = MemoryContextAllocZero(cxt, ((Size) eval->nstages + 1) * sizeof(ForecastStage));
	memset(&eval->won, 0, sizeof(WonAmounts));
	memset(&eval->sum, 0, sizeof(ForecastSum));
	stays_init(&eval->stays, cxt);
	eval->nlearned = 0;
	eval->nopen = 0;
	eval->aamounts = 64;
	eval->amounts = MemoryContextAlloc(cxt, eval->aamounts * sizeof(Amount));
}

/* An amount as a number; NaN if there is none that can be added. */
static double
amount_number(const Amount *amount)
{
	double		number;
	char	   *text;

	if (amount->kind == AMOUNT_NONE)
		return get_float8_nan();
	if (amount->kind == AMOUNT_SMALL)
		return (double) amount->mantissa / pow(10, amount->scale);
	text = pnstrdup(amount->text, amount->len);
	number = strtod(text, NULL);
	pfree(text);
	return isfinite(number) ? number : get_float8_nan();
}

static void
won_add(WonAmounts *won, double amount)
{
	double		difference = amount - won->mean;

	if (isnan(amount))
		return;
	won->n++;
	won->negative |= amount < 0;
	won->mean += difference / (double) won->n;
	won->squares += difference * (amount - won->mean);
}

double
won_variance(const WonAmounts *won)
{
	return won->n > 1 ? won->squares / (double) (won->n - 1) : 0;
}

void
forecast_stays(Forecast *eval, const Lead *lead, uint32 nstages)
{
	Stays	   *stays = &eval->stays;

	stays_build(stays, lead, lead_count_before(lead, eval->as_of), nstages);
	if (stays->n > eval->aamounts)
	{
		eval->aamounts = stays->allocated;
		eval->amounts = repalloc_huge(eval->amounts, eval->aamounts * sizeof(Amount));
	}
	FOR_INTERRUPTIBLE(i, stays->n)
	{
		const Stay *stay = &stays->stays[i];
		Amount	   *amount = &eval->amounts[i];

		memset(amount, 0, sizeof(Amount));
		if (!last_amount(lead, stay->first, stay->last, nstages, amount) && lead->rich &&
			i > 0 && key_cmp(&lead->ref[stay[-1].last], &lead->ref[stay->first]) == 0)
			*amount = amount[-1];
	}
}

static Spell *
next_spell(Forecast *eval, ForecastStage *stage)
{
	if (stage->nspells == stage->aspells)
	{
		stage->aspells = Max(stage->aspells * 2, 64);
		if (stage->spells == NULL)
			stage->spells = MemoryContextAlloc(eval->cxt, stage->aspells * sizeof(Spell));
		else
			stage->spells = repalloc_huge(stage->spells, stage->aspells * sizeof(Spell));
	}
	return &stage->spells[stage->nspells++];
}

void
forecast_learn(Forecast *eval, const Lead *lead, uint32 nstages, const int *stage_of)
{
	const Stays *stays = &eval->stays;
	const Stay *win = NULL;		/* the next one */
	double		amount = get_float8_nan();	/* its */

	forecast_stays(eval, lead, nstages);
	for (int64 i = stays->n - 1; i >= 0; i--)
	{
		const Stay *stay = &stays->stays[i];
		int			number = stage_of[stay->stage];
		int64		left_at = i + 1 < stays->n ? stay[1].entered_at : eval->as_of;

		check_interrupts_at(i);
		if (number == FORECAST_WON)
		{
			win = stay;
			amount = amount_number(&eval->amounts[i]);
			if (in_period(&eval->period, stay->entered_at))
				won_add(&eval->won, amount);
		}
		else if (number != FORECAST_OTHER && in_period(&eval->period, stay->entered_at))
		{
			ForecastStage *stage = &eval->stages[number];
			Spell	   *spell = next_spell(eval, stage);

			spell->stayed = (uint64) left_at - (uint64) stay->entered_at;
			spell->until = (uint64) (win != NULL ? win->entered_at : eval->as_of) -
				(uint64) stay->entered_at;
			spell->watched = (uint64) eval->as_of - (uint64) stay->entered_at;
			spell->lead = eval->nlearned;
			spell->won = win != NULL;
			spell->on_wins = spell->on_amount = 0;
			if (win != NULL)
				won_add(&stage->won, amount);
		}
	}
	eval->nlearned++;
}

bool
forecast_open(Forecast *eval, const Lead *lead, uint32 nstages,
			  const int *stage_of, Stay *stay, Amount *amount)
{
	int64		n = lead_count_before(lead, eval->as_of);
	ForecastStage *stage;
	OpenLead   *open;

	if (!stays_open(stay, lead, n, nstages) || stage_of[stay->stage] < 0)
		return false;
	memset(amount, 0, sizeof(Amount));
	if (lead->rich && !last_amount(lead, stay->first, stay->last, nstages, amount))
	{
		forecast_stays(eval, lead, nstages);
		*amount = eval->amounts[eval->stays.n - 1];
	}

	stage = &eval->stages[stage_of[stay->stage]];
	if (stage->nopen == stage->aopen)
	{
		stage->aopen = Max(stage->aopen * 2, 64);
		if (stage->open == NULL)
			stage->open = MemoryContextAlloc(eval->cxt, stage->aopen * sizeof(OpenLead));
		else
			stage->open = repalloc_huge(stage->open, stage->aopen * sizeof(OpenLead));
	}
	open = &stage->open[stage->nopen++];
	open->age = (uint64) eval->as_of - (uint64) stay->entered_at;
	open->number = eval->nopen++;
	open->amount = amount_number(amount);
	open->estimated = isnan(open->amount);
	open->rests_on = 0;
	open->probability = get_float8_nan();
	return true;
}

/* Sums of the influence of each lead of history. */
typedef struct Influence
{
	double		wins;
	double		amount;
} Influence;

/*
 * The age up to which enough stays of at least that age have been watched
 * through the horizon; false if not even at age 0. A stay is one of those at age
 * a if it lasted longer than a and began a + horizon before as_of or earlier,
 * whatever came of it.
 */
static bool
oldest_judged(Forecast *eval, const ForecastStage *stage, uint64 *age)
{
	uint64	   *limits;
	uint64		limit;

	if (stage->nspells == 0)
		return false;
	limits = MemoryContextAllocHuge(eval->cxt, (Size) stage->nspells * sizeof(uint64));
	FOR_INTERRUPTIBLE(i, stage->nspells)
	{
		const Spell *spell = &stage->spells[i];

		limits[i] = spell->watched < eval->horizon ? 0 :
			Min(spell->stayed, spell->watched - eval->horizon + 1);
	}
	limit = forecast_enough(limits, stage->nspells);
	pfree(limits);
	*age = limit - 1;
	return limit > 0;
}

/*
 * Leaves out the stays that were over by an age, for good: ages are asked for in
 * their order. What influence they had is that of their leads.
 */
static void
drop_shorter(ForecastStage *stage, uint64 age, Influence *of_stage)
{
	int64		kept = 0;

	FOR_INTERRUPTIBLE(i, stage->nspells)
	{
		const Spell *spell = &stage->spells[i];

		if (spell->stayed > age)
			stage->spells[kept++] = *spell;
		else
		{
			of_stage[spell->lead].wins += spell->on_wins;
			of_stage[spell->lead].amount += spell->on_amount;
		}
	}
	stage->nspells = kept;
}

/* The spells from i on that end at one time: how many, and how many are won. */
static inline int64
same_time(const ForecastStage *stage, int64 i, int64 *won)
{
	uint64		until = stage->spells[i].until;
	int64		begin = i;

	for (*won = 0; i < stage->nspells && stage->spells[i].until == until; i++)
	{
		check_interrupts_at(i);
		*won += stage->spells[i].won;
	}
	return i - begin;
}

/*
 * The probability at an age, from the stays that are longer, and how many of
 * them have been watched through; the influence of each is added with the
 * weights of the leads of that age.
 */
static double
probability_at(const Forecast *eval, ForecastStage *stage, uint64 age, double wins_weight,
			   double amount_weight, int64 *rests_on)
{
	Spell	   *spells = stage->spells;
	uint64		end = age + Min(eval->horizon, PG_UINT64_MAX - age);
	double		open = 1;
	double		hazard = 0;		/* sum of d / (Y (Y - d)) */
	int64		won;
	int64		n;
	int64		i;

	*rests_on = 0;
	FOR_INTERRUPTIBLE(j, stage->nspells)
		*rests_on += spells[j].watched >= end;
	for (i = 0; i < stage->nspells && spells[i].until <= end; i += n)
	{
		double		at_risk = (double) (stage->nspells - i);

		n = same_time(stage, i, &won);
		if (won > 0)
			open *= (at_risk - (double) won) / at_risk;
	}
	if (open == 0 || open == 1)
		return 1 - open;

	for (i = 0; i < stage->nspells && spells[i].until <= end; i += n)
	{
		double		at_risk = (double) (stage->nspells - i);
		double		left;

		n = same_time(stage, i, &won);
		left = at_risk - (double) won;
		if (won > 0)
			hazard += (double) won / (at_risk * left);
		for (int64 j = i; j < i + n; j++)
		{
			double		influence = open * ((spells[j].won ? 1 / left : 0) - hazard);

			check_interrupts_at(j);
			spells[j].on_wins += wins_weight * influence;
			spells[j].on_amount += amount_weight * influence;
		}
	}
	wins_weight *= -open * hazard;
	amount_weight *= -open * hazard;
	for (; i < stage->nspells; i++)
	{
		check_interrupts_at(i);
		spells[i].on_wins += wins_weight;
		spells[i].on_amount += amount_weight;
	}
	return 1 - open;
}

/* What the leads without an amount of their own are worth. */
static const WonAmounts *
stage_worth(const Forecast *eval, const ForecastStage *stage)
{
	return stage->won.n > 0 ? &stage->won : &eval->won;
}

/*
 * Gives the leads of a stage their probabilities. They are sorted by age; each
 * has the landmark of its own age or, where there are more ages, that of the
 * middle one of as many leads as make FORECAST_AGES groups. All that are older
 * than can be judged have the landmark of the oldest that can.
 */
static void
judge_stage(Forecast *eval, ForecastStage *stage, uint64 oldest, Influence *of_stage)
{
	OpenLead   *open = stage->open;
	int64		young = 0;
	int64		ages = 0;
	int64		group;

	for (; young < stage->nopen && open[young].age < oldest; young++)
	{
		check_interrupts_at(young);
		ages += young == 0 || open[young].age != open[young - 1].age;
	}
	group = ages <= FORECAST_AGES ? 0 : (young + FORECAST_AGES - 1) / FORECAST_AGES;

	for (int64 i = 0; i < stage->nopen;)
	{
		int64		begin = i;
		uint64		age = oldest;
		double		value = 0;
		double		probability;
		int64		rests_on;

		if (i >= young)
			i = stage->nopen;
		else if (group > 0)
			i = Min(i + group, young);
		else
			while (i < young && open[i].age == open[begin].age)
				check_interrupts_at(i++);
		if (begin < young)
			age = open[begin + (i - begin - 1) / 2].age;
		FOR_INTERRUPTIBLE(j, i - begin)
			if (!isnan(open[begin + j].amount))
				value += open[begin + j].amount;
		CHECK_FOR_INTERRUPTS();
		drop_shorter(stage, age, of_stage);
		probability = probability_at(eval, stage, age, (double) (i - begin), value, &rests_on);
		FOR_INTERRUPTIBLE(j, i - begin)
		{
			open[begin + j].probability = probability;
			open[begin + j].rests_on = rests_on;
		}
	}
	drop_shorter(stage, PG_UINT64_MAX, of_stage);
}

/*
 * The sums of a stage, given the variances that the influences come to. Where
 * none of the stays that a probability rests on were won, or all, those say that
 * it is certain. It is taken to be as uncertain as a share with half a win and
 * half a failure added (Jeffreys); predictions have their mean moved by as much.
 */
static void
sum_stage(Forecast *eval, ForecastStage *stage, double wins_variance, double amount_variance)
{
	ForecastSum *sum = &stage->sum;
	const WonAmounts *worth = stage_worth(eval, stage);
	double		noise = won_variance(worth);
	double		squares = 0;
	double		doubt = 0;		/* standard errors that influences do not know of */
	double		amount_doubt = 0;
	double		noises = 0;
	double		estimated = 0;	/* wins that are worth an estimated amount */
	double		estimated_leads = 0;

	if (stage->nopen == 0 || eval->horizon == 0)
		return;					/* nothing is to come */
	FOR_INTERRUPTIBLE(i, stage->nopen)
	{
		const OpenLead *lead = &stage->open[i];
		double		n = (double) lead->rests_on;
		double		p = lead->probability;
		double		moved = (n * p + 0.5) / (n + 1);
		double		more = Max(sqrt(moved * (1 - moved) / (n + 2)) - sqrt(p * (1 - p) / n), 0);
		double		value = isnan(lead->amount) ? 0 : lead->amount;
		double		spread = lead->estimated ? noise : 0;

		sum->wins += p;
		sum->unvalued |= p > 0 && isnan(lead->amount);
		sum->unbounded |= isnan(lead->amount);
		sum->expected += p * value;
		sum->deals.mean += moved;
		squares += moved * moved;
		doubt += more;
		sum->amount.mean += moved * value;
		sum->amount.variance += moved * (value * value + spread) - moved * moved * value * value;
		sum->amount.least += Min(value, 0);
		sum->amount.most += Max(value, 0);
		amount_doubt += more * value;
		noises += spread;
		estimated += lead->estimated ? moved : 0;
		estimated_leads += lead->estimated;
	}
	sum->deals.squares = squares;
	sum->deals.variance = wins_variance + doubt * doubt;
	sum->amount.variance += amount_variance + amount_doubt * amount_doubt;
	sum->amount.none = wins_at_most(&sum->deals, 0);
	if (noise > 0)
	{
		double		reach;

		noise /= (double) worth->n;
		sum->amount.variance += estimated * estimated * noise;
		reach = 4 * sqrt(noises + estimated_leads * estimated_leads * noise);
		sum->amount.most += reach;
		if (worth->negative)
			sum->amount.least -= reach;
	}
}

static void
evaluate_stage(Forecast *eval, ForecastStage *stage, Influence *of_stage, Influence *of_all)
{
	ForecastSum *sum = &stage->sum;
	const WonAmounts *worth = stage_worth(eval, stage);
	uint64		oldest;
	double		wins_variance = 0;
	double		amount_variance = 0;

	sort_open(stage->open, (size_t) stage->nopen);
	sum->leads = stage->nopen;
	FOR_INTERRUPTIBLE(i, stage->nopen)
	{
		OpenLead   *lead = &stage->open[i];

		sum->days += (double) lead->age / DAY_MICROSECONDS;
		if (lead->estimated && worth->n > 0 && isfinite(worth->mean))
			lead->amount = worth->mean;
	}
	if (!oldest_judged(eval, stage, &oldest))
	{
		sum->unjudged = stage->nopen;
		return;
	}
	if (stage->nopen == 0)
		return;

	sort_spells(stage->spells, (size_t) stage->nspells);
	judge_stage(eval, stage, oldest, of_stage);
	FOR_INTERRUPTIBLE(i, eval->nlearned)
	{
		Influence  *one = &of_stage[i];

		wins_variance += one->wins * one->wins;
		amount_variance += one->amount * one->amount;
		of_all[i].wins += one->wins;
		of_all[i].amount += one->amount;
		one->wins = one->amount = 0;
	}
	sum_stage(eval, stage, wins_variance, amount_variance);

	/* what of the variances the influences of all leads do not know of */
	eval->sum.deals.variance += sum->deals.variance - wins_variance;
	eval->sum.amount.variance += sum->amount.variance - amount_variance;
}

void
forecast_evaluate(Forecast *eval)
{
	ForecastSum *total = &eval->sum;
	Size		size = ((Size) eval->nlearned + 1) * sizeof(Influence);
	Influence  *of_stage = alloc_zeroed(eval->cxt, size);
	Influence  *of_all = alloc_zeroed(eval->cxt, size);

	for (int i = 0; i < eval->nstages; i++)
	{
		const ForecastSum *sum = &eval->stages[i].sum;

		evaluate_stage(eval, &eval->stages[i], of_stage, of_all);
		total->leads += sum->leads;
		total->unjudged += sum->unjudged;
		total->days += sum->days;
		total->wins += sum->wins;
		total->deals.mean += sum->deals.mean;
		total->deals.squares += sum->deals.squares;
		total->unvalued |= sum->unvalued;
		total->unbounded |= sum->unbounded;
		total->expected += sum->expected;
		total->amount.mean += sum->amount.mean;
		total->amount.least += sum->amount.least;
		total->amount.most += sum->amount.most;
	}
	FOR_INTERRUPTIBLE(i, eval->nlearned)
	{
		total->deals.variance += of_all[i].wins * of_all[i].wins;
		total->amount.variance += of_all[i].amount * of_all[i].amount;
	}
	total->amount.none = wins_at_most(&total->deals, 0);
}
