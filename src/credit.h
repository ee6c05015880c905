/*
 * credit.h
 *	  The credit for one conversion, split among its touches: the models that
 *	  look at one conversion at a time, and the exact splitting. Knows nothing
 *	  of SQL.
 */
#ifndef FUNNEL_CREDIT_H
#define FUNNEL_CREDIT_H

#include "amount.h"

#define MILESTONES_MAX		32
#define WEIGHT_ONE			1000000 /* a weight of 1 in a model */
#define WEIGHT_MAX			(1000 * WEIGHT_ONE)

/* A credit of 1: credits are multiples of 1 / CREDIT_ONE, exact as float8. */
#define CREDIT_ONE			(INT64CONST(1) << 52)

/* The entry into a milestone that the lead has not made. */
#define MILESTONE_NONE		PG_INT64_MIN

typedef enum ModelKind
{
	MODEL_LINEAR,
	MODEL_POSITION,				/* weights for anchors and for what lies between */
	MODEL_TIME_DECAY,
	MODEL_MARKOV,
	MODEL_SHAPLEY
} ModelKind;

typedef struct Model
{
	ModelKind	kind;

	/* MODEL_POSITION: in proportion; an anchor without weight is none */
	uint32		first;
	uint32		last;
	uint32		middle;
	uint32		milestones[MILESTONES_MAX];
	int			nmilestones;
	bool		even;			/* without a middle its weight goes to the anchors evenly */
	bool		next;			/* a missing milestone falls on the next one */
	bool		all;			/* the middle is all other touches, also outside the anchors */

	/* MODEL_TIME_DECAY: microseconds, NO_LIMIT for none */
	uint64		half_life;

	/* MODEL_MARKOV: the weight of each channel, by label code */
	const uint64 *effects;
} Model;

/*
 * A model by its name; false if there is none of that name. Weights of a
 * position model are brought to lowest terms by model_reduce().
 */
extern bool model_by_name(Model *model, const char *name);
extern void model_reduce(Model *model);

/* The touches of a conversion, in canonical order. */
typedef struct Journey
{
	const int64 *at;
	const uint32 *channel;		/* label codes; MODEL_MARKOV and MODEL_SHAPLEY */
	int64		n;
	const int64 *milestones;	/* when the lead last entered each; MILESTONE_NONE */
} Journey;

/*
 * Splits credit: splitter_weigh(), then any of the others. Holds the memory
 * for it, of which cxt is the owner.
 */
typedef struct Splitter
{
	uint64	   *parts;			/* by touch: see splitter_split() */

	/* private */
	MemoryContext cxt;
	int64		n;				/* touches */
	int64		allocated;
	uint64	   *weights;		/* by touch, or by group */
	uint128    *remainders;
	int64	   *order;
	int64		ngroups;		/* MODEL_SHAPLEY: distinct channels, 0 for other models */
	int64	   *group;			/* of each touch, counted by first touch */
	int64	   *group_size;
	uint64	   *group_part;
	uint32		nlabels;
	int64	   *group_of;		/* by label, while groups are made; -1 is none */
} Splitter;

/* nlabels: label codes of channels are below it; 0 if the model needs none. */
extern void splitter_init(Splitter *splitter, uint32 nlabels, MemoryContext cxt);

/* Weighs the touches of a journey; it must have some. */
extern void splitter_weigh(Splitter *splitter, const Model *model, const Journey *journey);

/* Weights as they are; each is below 2^63, and one at least not 0. */
extern void splitter_set(Splitter *splitter, const uint64 *weights, int64 n);

/*
 * Splits a whole number below 2^60 in proportion to the weights into whole
 * numbers that add up to it, in splitter->parts: what rounding down leaves
 * over goes to those that lost most by it, to the earlier of equals.
 */
extern void splitter_split(Splitter *splitter, uint64 total);

/*
 * The same with an amount that is not AMOUNT_NONE, in its own scale: parts[i]
 * for each touch. A negative amount is split as its opposite is. Texts of
 * parts that are not small are allocated in the current context. An amount
 * that is NaN or infinite is so for every touch that has a weight.
 */
extern void splitter_split_amount(Splitter *splitter, const Amount *amount, Amount *parts);

#endif							/* FUNNEL_CREDIT_H */
