/*
 * markov.c
 *	  The absorbing Markov chain of touch paths, solved exactly.
 *
 * Rows of the matrix hold how often a state went to each other one, to
 * conversion and to loss. To eliminate a state is to send those who came to it
 * on to where it leads, in proportion, its returns to itself left out: nothing
 * is ever subtracted, so no digits are lost, however rarely a loop is left
 * (Grassmann, Taksar & Heyman, Operations Research 33, 1985, for stationary
 * distributions).
 *
 * For the effect of a channel all states but its own are eliminated: what then
 * goes from the start to conversion avoids the channel. To do that for every
 * channel, half of the channels are eliminated for the sake of the other half,
 * and so on in each half. That is 0.6 n^3 multiplications for the halves of
 * all, a quarter of it for the quarters, and so on: 0.8 n^3 altogether.
 *
 * States are in the order of their labels, so the same paths give the same bits
 * in whichever order they came.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "interrupts.h"
#include "markov.h"

/* Channels' numbers plus 1, the latest first; 0 is none. */
typedef struct Window
{
	uint32		channels[CHAIN_ORDER_MAX];
} Window;

typedef struct WindowEntry
{
	Window		window;
	uint32		state;
} WindowEntry;

/* From a state over a channel. */
typedef struct ChainStep
{
	int64		count;
	uint32		next;			/* state; 0 if it is not known yet */
} ChainStep;

typedef struct ChainState
{
	Window		window;
	ChainStep  *steps;			/* by number of the channel */
	uint32		nsteps;
	int64		converted;
	int64		lost;
} ChainState;

static uint32
add_state(Chain *chain, const Window *window)
{
	bool		found;
	WindowEntry *entry = hash_search(chain->windows, window, HASH_ENTER, &found);
	ChainState *state;

	if (found)
		return entry->state;
	if (chain->nstates > CHAIN_STATES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many states of the Markov chain"),
				 errdetail("At order %d it has more than %d: one for each sequence of up to %d channels that occurs.",
						   chain->order, CHAIN_STATES_MAX, chain->order),
				 errhint("Lower \"model_order\", name the channels that matter in \"channels\", or give groups of channels one name in funnel.touches().")));
	if (chain->nstates == chain->allocated)
	{
		chain->allocated *= 2;
		chain->states = repalloc(chain->states, chain->allocated * sizeof(ChainState));
	}
	state = &chain->states[chain->nstates];
	memset(state, 0, sizeof(ChainState));
	state->window = *window;
	return entry->state = chain->nstates++;
}

void
chain_begin(Chain *chain, int order, uint32 nlabels, MemoryContext cxt)
{
	HASHCTL		ctl = {
		.keysize = sizeof(Window),
		.entrysize = sizeof(WindowEntry),
		.hcxt = cxt
	};
	Window		start = {{0}};

	memset(chain, 0, sizeof(Chain));
	chain->cxt = cxt;
	chain->order = order;
	chain->nlabels = nlabels;
	chain->channel_of = MemoryContextAllocExtended(cxt, ((Size) nlabels + 1) * sizeof(uint32),
												   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	chain->effects = MemoryContextAllocExtended(cxt, ((Size) nlabels + 1) * sizeof(double),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	chain->labels = MemoryContextAlloc(cxt, (CHAIN_STATES_MAX + 1) * sizeof(uint32));
	chain->allocated = 64;
	chain->states = MemoryContextAlloc(cxt, chain->allocated * sizeof(ChainState));
	chain->windows = hash_create("funnel chain", 256, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	add_state(chain, &start);
}

/* The step from a state over a channel, made if it is new. */
static ChainStep *
find_step(Chain *chain, uint32 from, uint32 channel)
{
	ChainState *state = &chain->states[from];
	ChainStep  *step;
	Window		window = {{channel + 1}};

	if (channel >= state->nsteps)
	{
		uint32		n = Max(channel + 1, Min(2 * state->nsteps, chain->nchannels));
		ChainStep  *steps = MemoryContextAllocZero(chain->cxt, n * sizeof(ChainStep));

		if (state->nsteps > 0)
		{
			memcpy(steps, state->steps, state->nsteps * sizeof(ChainStep));
			pfree(state->steps);
		}
		state->steps = steps;
		state->nsteps = n;
	}
	step = &state->steps[channel];
	if (step->next == 0)
	{
		for (int i = 1; i < chain->order; i++)
			window.channels[i] = state->window.channels[i - 1];
		/* may move the states, but not their steps */
		step->next = add_state(chain, &window);
	}
	return step;
}

/* The number of a channel that is new. */
static uint32
add_channel(Chain *chain, uint32 label)
{
	uint32		channel = chain->nchannels;

	/* each has a state of its own: if there are too many, add_state() says so */
	if (channel <= CHAIN_STATES_MAX)
		chain->labels[chain->nchannels++] = label;
	chain->channel_of[label] = channel + 1;
	return channel;
}

void
chain_add(Chain *chain, const uint32 *channels, int64 n, bool converted)
{
	uint32		at = 0;

	for (int64 i = 0; i < n; i++)
	{
		uint32		channel = chain->channel_of[channels[i]];
		ChainState *state = &chain->states[at];
		ChainStep  *step;

		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		channel = channel == 0 ? add_channel(chain, channels[i]) : channel - 1;
		if (channel < state->nsteps && state->steps[channel].next != 0)
			step = &state->steps[channel];
		else
			step = find_step(chain, at, channel);
		step->count++;
		at = step->next;
	}
	if (converted)
	{
		chain->states[at].converted++;
		chain->converted++;
	}
	else
	{
		chain->states[at].lost++;
		chain->lost++;
	}
}

/* ------------------------------------------------------------------------
 * Solving
 * ------------------------------------------------------------------------
 */

/* Columns of the matrix: the two ends, then the states. */
#define CONVERTED	0
#define LOST		1
#define ENDS		2

/*
 * Square in the states but the start, whose row comes last; the start has no
 * column, since nothing leads to it.
 */
typedef struct Matrix
{
	double	   *cells;
	Size		stride;
	uint32		n;				/* states */
} Matrix;

static inline double *
matrix_row(const Matrix *matrix, uint32 state)
{
	return matrix->cells + state * matrix->stride;
}

static Matrix
matrix_create(uint32 n)
{
	Matrix		matrix = {.n = n, .stride = (Size) n + ENDS};

	matrix.cells = alloc_zeroed(CurrentMemoryContext, ((Size) n + 1) * matrix.stride * sizeof(double));
	return matrix;
}

/* Row i gets what it sent to the last state, by way of that one's row. */
static inline void
send_on(double *restrict row, const double *restrict last, uint32 n, double sum)
{
	double		share = row[ENDS + n] / sum;

	for (uint32 j = 0; j < ENDS + n; j++)
		row[j] += share * last[j];
}

/* What leads from the last of n + 1 states to anything but itself. */
static double
leaving(const double *last, uint32 n)
{
	double		sum = 0;

	for (uint32 j = 0; j < ENDS + n; j++)
		sum += last[j];
	return sum;
}

/* Eliminates the last states until n are left; the start's row is start. */
static void
eliminate(const Matrix *matrix, double *start, uint32 from, uint32 n)
{
	while (from-- > n)
	{
		const double *last = matrix_row(matrix, from);
		double		sum = leaving(last, from);

		CHECK_FOR_INTERRUPTS();
		for (uint32 i = 0; i < from; i++)
		{
			double	   *row = matrix_row(matrix, i);

			if (row[ENDS + from] != 0)
				send_on(row, last, from, sum);
		}
		if (start != NULL && start[ENDS + from] != 0)
			send_on(start, last, from, sum);
	}
}

/*
 * The effect of the channel that all states of the matrix belong to. From each
 * of them the probability to convert: backwards through the elimination, the
 * first state left over first.
 */
static double
solve_channel(const Matrix *matrix, double *start, double *probability)
{
	uint32		n = matrix->n;
	double	   *converts = palloc(n * sizeof(double));
	double		total = leaving(start, n);
	double		through = 0;
	double		past = start[CONVERTED] / total;

	eliminate(matrix, NULL, n, 0);
	for (uint32 i = 0; i < n; i++)
	{
		const double *row = matrix_row(matrix, i);
		double		sum = row[CONVERTED];

		CHECK_FOR_INTERRUPTS();
		for (uint32 j = 0; j < i; j++)
			sum += row[ENDS + j] * converts[j];
		converts[i] = sum / leaving(row, i);
		through += start[ENDS + i] / total * converts[i];
	}
	pfree(converts);
	*probability = through + past;
	return through > 0 ? through / (through + past) : 0;
}

/* A channel's states in the order of the matrix, and where they begin. */
typedef struct ChannelGroup
{
	uint32		label;
	uint32		first;
	uint32		n;
} ChannelGroup;

/* The matrix of some groups alone: the others, before or behind, eliminated. */
static void
solve(Chain *chain, const Matrix *matrix, const ChannelGroup *groups, uint32 ngroups)
{
	if (ngroups == 1)
	{
		chain->effects[groups[0].label] = solve_channel(matrix, matrix_row(matrix, matrix->n),
														&chain->probability);
		return;
	}
	for (int half = 0; half < 2; half++)
	{
		uint32		middle = ngroups / 2;
		uint32		offset = groups[0].first;
		uint32		cut = groups[middle].first - offset;	/* states of the first half */
		uint32		n = half == 0 ? cut : matrix->n - cut;
		uint32		keep = half == 0 ? 0 : cut;
		uint32		drop = half == 0 ? cut : 0;
		uint32		ndrop = matrix->n - n;
		Matrix		whole = matrix_create(matrix->n);
		Matrix		kept;

		/* those to be kept first */
		for (uint32 i = 0; i <= matrix->n; i++)
		{
			const double *from = matrix_row(matrix, i == matrix->n ? i : i < n ? keep + i : drop + i - n);
			double	   *to = matrix_row(&whole, i);

			CHECK_FOR_INTERRUPTS();
			memcpy(to, from, ENDS * sizeof(double));
			memcpy(to + ENDS, from + ENDS + keep, n * sizeof(double));
			memcpy(to + ENDS + n, from + ENDS + drop, ndrop * sizeof(double));
		}
		eliminate(&whole, matrix_row(&whole, whole.n), whole.n, n);
		/* the smaller one alone, so that the larger can go */
		kept = matrix_create(n);
		for (uint32 i = 0; i <= n; i++)
		{
			CHECK_FOR_INTERRUPTS();
			memcpy(matrix_row(&kept, i), matrix_row(&whole, i == n ? whole.n : i),
				   kept.stride * sizeof(double));
		}
		pfree(whole.cells);
		solve(chain, &kept, half == 0 ? groups : groups + middle,
			  half == 0 ? middle : ngroups - middle);
		pfree(kept.cells);
	}
}

/* By label of the latest channel, then of the one before, and so on. */
static int
state_cmp(const void *a, const void *b, void *arg)
{
	const Chain *chain = arg;
	const Window *x = &chain->states[*(const uint32 *) a].window;
	const Window *y = &chain->states[*(const uint32 *) b].window;

	for (int i = 0; i < CHAIN_ORDER_MAX; i++)
		if (x->channels[i] != y->channels[i])
		{
			if (x->channels[i] == 0 || y->channels[i] == 0)
				return x->channels[i] == 0 ? -1 : 1;
			return chain->labels[x->channels[i] - 1] < chain->labels[y->channels[i] - 1] ? -1 : 1;
		}
	return 0;
}

void
chain_solve(Chain *chain)
{
	uint32		n = chain->nstates - 1;
	MemoryContext cxt;
	MemoryContext old;
	uint32	   *ordered;
	uint32	   *place;
	ChannelGroup *groups;
	uint32		ngroups = 0;
	Matrix		matrix;

	if (n == 0)
		return;
	cxt = AllocSetContextCreate(chain->cxt, "funnel chain", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	ordered = palloc(chain->nstates * sizeof(uint32));
	place = palloc(chain->nstates * sizeof(uint32));
	groups = palloc(chain->nchannels * sizeof(ChannelGroup));
	for (uint32 i = 0; i < n; i++)
		ordered[i] = i + 1;
	qsort_arg(ordered, n, sizeof(uint32), state_cmp, chain);
	ordered[n] = 0;
	for (uint32 i = 0; i <= n; i++)
		place[ordered[i]] = i;
	for (uint32 i = 0; i < n; i++)
	{
		uint32		label = chain->labels[chain->states[ordered[i]].window.channels[0] - 1];

		if (ngroups == 0 || groups[ngroups - 1].label != label)
			groups[ngroups++] = (ChannelGroup) {.label = label, .first = i};
		groups[ngroups - 1].n++;
	}

	matrix = matrix_create(n);
	for (uint32 i = 0; i <= n; i++)
	{
		const ChainState *state = &chain->states[ordered[i]];
		double	   *row = matrix_row(&matrix, i);

		CHECK_FOR_INTERRUPTS();
		row[CONVERTED] = (double) state->converted;
		row[LOST] = (double) state->lost;
		for (uint32 channel = 0; channel < state->nsteps; channel++)
			if (state->steps[channel].count > 0)
				row[ENDS + place[state->steps[channel].next]] += (double) state->steps[channel].count;
	}
	solve(chain, &matrix, groups, ngroups);
	Assert(fabs(chain->probability * (double) (chain->converted + chain->lost) - (double) chain->converted) <=
		   1e-9 * (double) chain->converted);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
