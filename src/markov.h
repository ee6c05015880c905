/*
 * markov.h
 *	  The Markov chain of touch paths, and the removal effect of each channel.
 *	  Knows nothing of SQL.
 */
#ifndef FUNNEL_MARKOV_H
#define FUNNEL_MARKOV_H

#include "utils/hsearch.h"

#define CHAIN_ORDER_MAX		3
#define CHAIN_STATES_MAX	3000

/*
 * A chain whose states are windows of the last channels, up to order many; a
 * path begins before any channel and ends converted or lost. chain_begin(),
 * chain_add() for each path, then chain_solve().
 */
typedef struct Chain
{
	/* results, by label code; 0 where no way of the chain leads on to conversion */
	double	   *effects;
	double		probability;	/* that a path converts */
	int64		converted;		/* paths */
	int64		lost;

	/* private */
	int			order;
	uint32		nlabels;
	uint32	   *channel_of;		/* by label: its number plus 1, 0 if not yet seen */
	uint32	   *labels;			/* by number */
	uint32		nchannels;
	struct ChainState *states;	/* 0 is the start */
	uint32		nstates;
	uint32		allocated;
	HTAB	   *windows;
	MemoryContext cxt;
} Chain;

/* Labels are below nlabels. */
extern void chain_begin(Chain *chain, int order, uint32 nlabels, MemoryContext cxt);

/*
 * A path of at least one touch. Errors: over CHAIN_STATES_MAX states
 * (program_limit_exceeded).
 */
extern void chain_add(Chain *chain, const uint32 *channels, int64 n, bool converted);

/*
 * The removal effect of a channel is the share of the probability to convert
 * that is lost with it, which is the probability that a path that converts
 * visits it. Takes O(states^3) time and O(states^2) memory; interruptible.
 */
extern void chain_solve(Chain *chain);

#endif							/* FUNNEL_MARKOV_H */
