/*
 * credit.c
 *	  Splitting the credit for a conversion.
 *
 * Weights are whole numbers, so that shares are fractions and no rounding
 * decides who gets what is left over: two touches whose shares are equal by
 * the rules are equal here. Only time_decay and markov begin with a float.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "args.h"
#include "compat.h"
#include "credit.h"
#include "interrupts.h"

#define DECAY_ONE	(UINT64CONST(1) << 62)

/* The presets, in thousandths. */
static const struct
{
	const char *name;
	Model		model;
}			named_models[] =
{
	{"first", {.kind = MODEL_POSITION, .first = 1000}},
	{"last", {.kind = MODEL_POSITION, .last = 1000}},
	{"linear", {.kind = MODEL_LINEAR}},
	{"u_shaped", {.kind = MODEL_POSITION, .first = 400, .last = 400, .middle = 200}},
	{"w_shaped", {.kind = MODEL_POSITION, .first = 300, .middle = 100, .milestones = {300, 300}, .nmilestones = 2}},
	{"full_path", {.kind = MODEL_POSITION, .first = 225, .last = 225, .middle = 100, .milestones = {225, 225}, .nmilestones = 2}},
	{"j_shaped", {.kind = MODEL_POSITION, .first = 200, .last = 600, .middle = 200}},
	{"inverse_j", {.kind = MODEL_POSITION, .first = 600, .last = 200, .middle = 200}},
	{"time_decay", {.kind = MODEL_TIME_DECAY}},
	{"markov", {.kind = MODEL_MARKOV}},
	{"shapley", {.kind = MODEL_SHAPLEY}},
};

static uint32
gcd(uint32 a, uint32 b)
{
	while (b != 0)
	{
		uint32		c = a % b;

		a = b;
		b = c;
	}
	return a;
}

void
model_reduce(Model *model)
{
	uint32		divisor = gcd(gcd(model->first, model->last), model->middle);

	for (int i = 0; i < model->nmilestones; i++)
		divisor = gcd(divisor, model->milestones[i]);
	if (divisor <= 1)
		return;
	model->first /= divisor;
	model->last /= divisor;
	model->middle /= divisor;
	for (int i = 0; i < model->nmilestones; i++)
		model->milestones[i] /= divisor;
}

bool
model_by_name(Model *model, const char *name)
{
	for (Size i = 0; i < lengthof(named_models); i++)
		if (strcmp(named_models[i].name, name) == 0)
		{
			*model = named_models[i].model;
			model_reduce(model);
			return true;
		}
	return false;
}

void
splitter_init(Splitter *splitter, uint32 nlabels, MemoryContext cxt)
{
	memset(splitter, 0, sizeof(Splitter));
	splitter->cxt = cxt;
	splitter->nlabels = nlabels;
	splitter->group_of = MemoryContextAllocHuge(cxt, ((Size) nlabels + 1) * sizeof(int64));
	FOR_INTERRUPTIBLE(i, nlabels)
		splitter->group_of[i] = -1;
}

static void *
exchange(Splitter *splitter, void *old, Size size)
{
	if (old != NULL)
		pfree(old);
	return MemoryContextAllocHuge(splitter->cxt, size);
}

static void
reserve(Splitter *splitter, int64 n)
{
	Size		size;

	if (n <= splitter->allocated)
		return;
	size = (Size) Max(Max(n, 64), splitter->allocated * 2);
	splitter->parts = exchange(splitter, splitter->parts, size * sizeof(uint64));
	splitter->weights = exchange(splitter, splitter->weights, size * sizeof(uint64));
	splitter->remainders = exchange(splitter, splitter->remainders, size * sizeof(uint128));
	splitter->order = exchange(splitter, splitter->order, size * sizeof(int64));
	splitter->group = exchange(splitter, splitter->group, size * sizeof(int64));
	splitter->group_size = exchange(splitter, splitter->group_size, size * sizeof(int64));
	splitter->group_part = exchange(splitter, splitter->group_part, size * sizeof(uint64));
	splitter->allocated = (int64) size;
}

/* ------------------------------------------------------------------------
 * Weights
 * ------------------------------------------------------------------------
 */

/* The last touch at or before a time; -1 if there is none. */
static int64
touch_before(const Journey *journey, int64 at)
{
	int64		lo = 0,
				hi = journey->n;

	while (lo < hi)
	{
		int64		mid = lo + (hi - lo) / 2;

		if (journey->at[mid] <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

/* An anchor of a position model. */
typedef struct Anchor
{
	int64		touch;
	uint32		weight;
} Anchor;

static int
find_anchors(const Model *model, const Journey *journey, Anchor *anchors)
{
	int			n = 0;
	int64		next = journey->n - 1;	/* where a missing milestone falls */

	if (model->first > 0)
		anchors[n++] = (Anchor) {0, model->first};
	if (model->last > 0)
		anchors[n++] = (Anchor) {journey->n - 1, model->last};
	for (int i = model->nmilestones - 1; i >= 0; i--)
	{
		int64		touch = -1;

		if (journey->milestones[i] != MILESTONE_NONE)
			touch = touch_before(journey, journey->milestones[i]);
		if (touch < 0 && model->next)
			touch = next;
		if (touch < 0)
			continue;
		next = touch;
		if (model->milestones[i] > 0)
			anchors[n++] = (Anchor) {touch, model->milestones[i]};
	}
	return n;
}

static void
weigh_positions(uint64 *weights, const Model *model, const Journey *journey)
{
	Anchor		anchors[MILESTONES_MAX + 2];
	int			nanchors = find_anchors(model, journey, anchors);
	int64		from = 0,
				to = journey->n - 1;
	int64		others;			/* touches of the middle */

	zero_bytes((char *) weights, journey->n * sizeof(uint64));
	if (nanchors > 0 && !model->all)
	{
		from = to = anchors[0].touch;
		for (int i = 1; i < nanchors; i++)
		{
			from = Min(from, anchors[i].touch);
			to = Max(to, anchors[i].touch);
		}
	}
	others = to - from + 1;
	for (int i = 0; i < nanchors; i++)
	{
		/* one touch may be several anchors */
		others -= weights[anchors[i].touch] == 0;
		weights[anchors[i].touch] += anchors[i].weight;
	}
	if (others > 0 && model->middle > 0)
	{
		/* middle / others each, and all multiplied by others */
		for (int64 i = from; i <= to; i++)
		{
			check_interrupts_at(i);
			weights[i] = weights[i] > 0 ? weights[i] * (uint64) others : model->middle;
		}
	}
	else if (nanchors == 0)
	{
		/* nothing of the model is there: nobody is preferred */
		FOR_INTERRUPTIBLE(i, journey->n)
			weights[i] = 1;
	}
	else if (model->even && model->middle > 0)
	{
		zero_bytes((char *) weights, journey->n * sizeof(uint64));
		for (int i = 0; i < nanchors; i++)
			weights[anchors[i].touch] += (uint64) anchors[i].weight * (uint64) nanchors + model->middle;
	}
}

static void
weigh_decay(uint64 *weights, const Model *model, const Journey *journey)
{
	int64		last = journey->at[journey->n - 1];

	FOR_INTERRUPTIBLE(i, journey->n)
	{
		uint64		age = (uint64) last - (uint64) journey->at[i];

		if (model->half_life == NO_LIMIT)
			weights[i] = 1;
		else if (model->half_life == 0)
			weights[i] = i == journey->n - 1;
		else
			weights[i] = (uint64) rint(exp2(-(double) age / (double) model->half_life) * (double) DECAY_ONE);
	}
}

/* Groups the touches by channel, which are weighed as one. */
static void
group_channels(Splitter *splitter, const Journey *journey)
{
	splitter->ngroups = 0;
	FOR_INTERRUPTIBLE(i, journey->n)
	{
		int64	   *group = &splitter->group_of[journey->channel[i]];

		if (*group < 0)
		{
			*group = splitter->ngroups++;
			splitter->group_size[*group] = 0;
		}
		splitter->group[i] = *group;
		splitter->group_size[*group]++;
	}
	FOR_INTERRUPTIBLE(i, journey->n)
		splitter->group_of[journey->channel[i]] = -1;
}

void
splitter_weigh(Splitter *splitter, const Model *model, const Journey *journey)
{
	reserve(splitter, journey->n);
	splitter->n = journey->n;
	splitter->ngroups = 0;
	switch (model->kind)
	{
		case MODEL_POSITION:
			weigh_positions(splitter->weights, model, journey);
			break;
		case MODEL_TIME_DECAY:
			weigh_decay(splitter->weights, model, journey);
			break;
		case MODEL_MARKOV:
			FOR_INTERRUPTIBLE(i, journey->n)
				splitter->weights[i] = model->effects[journey->channel[i]];
			break;
		case MODEL_LINEAR:
			FOR_INTERRUPTIBLE(i, journey->n)
				splitter->weights[i] = 1;
			break;
		case MODEL_SHAPLEY:
			group_channels(splitter, journey);
			break;
	}
}

void
splitter_set(Splitter *splitter, const uint64 *weights, int64 n)
{
	reserve(splitter, n);
	splitter->n = n;
	splitter->ngroups = 0;
	memcpy(splitter->weights, weights, n * sizeof(uint64));
}

/* ------------------------------------------------------------------------
 * Splitting
 * ------------------------------------------------------------------------
 */

/* Part i of n equal ones. */
static inline uint64
even_part(uint64 total, int64 n, int64 i)
{
	return total / (uint64) n + ((uint64) i < total % (uint64) n);
}

static int
remainder_cmp(const void *a, const void *b, void *arg)
{
	const uint128 *remainders = arg;
	int64		i = *(const int64 *) a;
	int64		j = *(const int64 *) b;

	CHECK_FOR_INTERRUPTS();
	if (remainders[i] != remainders[j])
		return remainders[i] > remainders[j] ? -1 : 1;
	return (i > j) - (i < j);
}

static void
split_by_weights(Splitter *splitter, uint64 total)
{
	int64		n = splitter->n;
	const uint64 *weights = splitter->weights;
	uint128		sum = 0;
	uint64		most = 0;
	uint64		given = 0;

	FOR_INTERRUPTIBLE(i, n)
	{
		sum += weights[i];
		most = Max(most, weights[i]);
	}
	/* divisions of 128 bits are slow */
	if (sum <= PG_UINT64_MAX && most <= PG_UINT64_MAX / Max(total, 1))
	{
		uint64		small_sum = (uint64) sum;

		FOR_INTERRUPTIBLE(i, n)
		{
			uint64		product = total * weights[i];

			splitter->parts[i] = product / small_sum;
			splitter->remainders[i] = product % small_sum;
			given += splitter->parts[i];
		}
	}
	else
		FOR_INTERRUPTIBLE(i, n)
		{
			uint128		product = (uint128) total * weights[i];

			splitter->parts[i] = (uint64) (product / sum);
			splitter->remainders[i] = product - sum * splitter->parts[i];
			given += splitter->parts[i];
		}
	/* never to one without a remainder, which is to have nothing more */
	if (total - given == 0)
		return;
	if (total - given == 1)
	{
		int64		best = 0;

		FOR_INTERRUPTIBLE(i, n)
			if (splitter->remainders[i] > splitter->remainders[best])
				best = i;
		splitter->parts[best]++;
		return;
	}
	FOR_INTERRUPTIBLE(i, n)
		splitter->order[i] = i;
	qsort_arg(splitter->order, (Size) n, sizeof(int64), remainder_cmp, splitter->remainders);
	FOR_INTERRUPTIBLE(i, (int64) (total - given))
		splitter->parts[splitter->order[i]]++;
}

/* Evenly over the channels, and what each gets evenly over its touches. */
static void
split_by_groups(Splitter *splitter, uint64 total)
{
	FOR_INTERRUPTIBLE(group, splitter->ngroups)
	{
		splitter->group_part[group] = even_part(total, splitter->ngroups, group);
		splitter->order[group] = 0;
	}
	FOR_INTERRUPTIBLE(i, splitter->n)
	{
		int64		group = splitter->group[i];

		splitter->parts[i] = even_part(splitter->group_part[group], splitter->group_size[group],
									   splitter->order[group]++);
	}
}

void
splitter_split(Splitter *splitter, uint64 total)
{
	if (splitter->ngroups > 0)
		split_by_groups(splitter, total);
	else
		split_by_weights(splitter, total);
}

/* A whole number as a numeric. */
static Datum
whole(uint64 value)
{
	char		buf[32];

	snprintf(buf, sizeof(buf), UINT64_FORMAT, value);
	return DirectFunctionCall3(numeric_in, CStringGetDatum(buf),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

/* A number takes the place of another. */
static Datum
replaced(Datum old, Datum new)
{
	pfree(DatumGetPointer(old));
	return new;
}

typedef struct NumericShare
{
	Datum		part;
	Datum		remainder;
	int64		touch;
} NumericShare;

static int
share_cmp(const void *a, const void *b)
{
	const NumericShare *x = a;
	const NumericShare *y = b;
	int			c = DatumGetInt32(DirectFunctionCall2(numeric_cmp, y->remainder, x->remainder));

	CHECK_FOR_INTERRUPTS();
	return c != 0 ? c : (x->touch > y->touch) - (x->touch < y->touch);
}

static int
touch_cmp(const void *a, const void *b)
{
	const NumericShare *x = a;
	const NumericShare *y = b;

	CHECK_FOR_INTERRUPTS();
	return (x->touch > y->touch) - (x->touch < y->touch);
}

/*
 * Splits a whole numeric, not negative, by weights into whole numerics: as
 * split_by_weights() does, in the arithmetic of numeric.
 */
static void
split_numeric(Datum total, const uint64 *weights, int64 n, Datum *parts)
{
	NumericShare *shares = palloc_extended((Size) n * sizeof(NumericShare), MCXT_ALLOC_HUGE);
	Datum		sum = whole(0);
	Datum		left = DirectFunctionCall2(numeric_add, total, sum);	/* a copy */
	int64		nleft;

	FOR_INTERRUPTIBLE(i, n)
		sum = replaced(sum, DirectFunctionCall2(numeric_add, sum, whole(weights[i])));
	for (int64 i = 0; i < n; i++)
	{
		Datum		product = DirectFunctionCall2(numeric_mul, total, whole(weights[i]));

		CHECK_FOR_INTERRUPTS();
		shares[i].touch = i;
		shares[i].part = DirectFunctionCall2(numeric_div_trunc, product, sum);
		shares[i].remainder = DirectFunctionCall2(numeric_mod, product, sum);
		left = replaced(left, DirectFunctionCall2(numeric_sub, left, shares[i].part));
		pfree(DatumGetPointer(product));
	}
	nleft = DatumGetInt64(DirectFunctionCall1(numeric_int8, left));
	qsort(shares, (Size) n, sizeof(NumericShare), share_cmp);
	FOR_INTERRUPTIBLE(i, nleft)
		shares[i].part = DirectFunctionCall2(numeric_add, shares[i].part, whole(1));
	qsort(shares, (Size) n, sizeof(NumericShare), touch_cmp);
	FOR_INTERRUPTIBLE(i, n)
	{
		parts[i] = shares[i].part;
		pfree(DatumGetPointer(shares[i].remainder));
	}
	pfree(shares);
}

/*
 * An amount that is not small. Its digits without the point are a whole number,
 * which is split, and the parts get the point back.
 */
static void
split_text(Splitter *splitter, const Amount *amount, Amount *parts)
{
	const char *point = memchr(amount->text, '.', amount->len);
	int			scale = point == NULL ? 0 : (int) (amount->text + amount->len - point) - 1;
	bool		negative = amount->text[0] == '-';
	StringInfoData digits;
	Datum		unit;
	Datum	   *numerics;
	Datum		total;

	if (strchr("0123456789", amount->text[negative]) == NULL)
	{
		/* NaN, Infinity, -Infinity */
		FOR_INTERRUPTIBLE(i, splitter->n)
			if (splitter->ngroups > 0 || splitter->weights[i] > 0)
				parts[i] = *amount;
			else
				parts[i] = (Amount) {.kind = AMOUNT_SMALL};
		return;
	}
	initStringInfo(&digits);
	for (uint32 i = negative; i < amount->len; i++)
		if (amount->text[i] != '.')
			appendStringInfoChar(&digits, amount->text[i]);
	total = DirectFunctionCall3(numeric_in, CStringGetDatum(digits.data),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	numerics = palloc_extended((Size) splitter->n * sizeof(Datum), MCXT_ALLOC_HUGE);
	if (splitter->ngroups == 0)
		split_numeric(total, splitter->weights, splitter->n, numerics);
	else
	{
		Datum	   *group_parts = palloc_extended((Size) splitter->ngroups * sizeof(Datum), MCXT_ALLOC_HUGE);
		Datum	   *touch_parts = palloc_extended((Size) splitter->n * sizeof(Datum), MCXT_ALLOC_HUGE);
		uint64	   *ones = palloc_extended((Size) splitter->n * sizeof(uint64), MCXT_ALLOC_HUGE);

		FOR_INTERRUPTIBLE(i, splitter->n)
			ones[i] = 1;
		split_numeric(total, ones, splitter->ngroups, group_parts);
		for (int64 group = 0; group < splitter->ngroups; group++)
		{
			int64		k = 0;

			split_numeric(group_parts[group], ones, splitter->group_size[group], touch_parts);
			FOR_INTERRUPTIBLE(i, splitter->n)
				if (splitter->group[i] == group)
					numerics[i] = touch_parts[k++];
		}
	}
	resetStringInfo(&digits);
	appendStringInfo(&digits, "%s1e-%d", negative ? "-" : "", scale);
	unit = DirectFunctionCall3(numeric_in, CStringGetDatum(digits.data),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	FOR_INTERRUPTIBLE(i, splitter->n)
		amount_from_numeric(&parts[i], numerics[i] = replaced(numerics[i], DirectFunctionCall2(numeric_mul, numerics[i], unit)));
}

void
splitter_split_amount(Splitter *splitter, const Amount *amount, Amount *parts)
{
	bool		negative = amount->mantissa < 0;

	if (amount->kind == AMOUNT_TEXT)
	{
		split_text(splitter, amount, parts);
		return;
	}
	splitter_split(splitter, (uint64) (negative ? -amount->mantissa : amount->mantissa));
	FOR_INTERRUPTIBLE(i, splitter->n)
	{
		int64		part = (int64) splitter->parts[i];

		parts[i] = (Amount) {
			.kind = AMOUNT_SMALL,
			.mantissa = negative ? -part : part,
			.scale = amount->scale
		};
	}
}
