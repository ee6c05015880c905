/*
 * moves.c
 *	  Counting how leads go from stage to stage.
 *
 * Leads make many moves between few pairs of stages. The moves lie in an array,
 * which a table finds by the pair, or a hash table where there are many stages;
 * nothing else is kept of a lead.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "moves.h"
#include "stays.h"

#define FEW_STAGES	64

typedef struct MoveEntry
{
	uint64		pair;			/* from in the high half, to in the low */
	uint32		move;			/* its place in the array */
	char		status;
} MoveEntry;

static inline uint32
pair_hash(uint64 pair)
{
	return murmurhash32(hash_combine(murmurhash32((uint32) (pair >> 32)), (uint32) pair));
}

#define SH_PREFIX movehash
#define SH_ELEMENT_TYPE MoveEntry
#define SH_KEY_TYPE uint64
#define SH_KEY pair
#define SH_HASH_KEY(tb, key) pair_hash(key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

void
moves_begin(Moves *moves, uint32 nstages, MemoryContext cxt)
{
	memset(moves, 0, sizeof(Moves));
	moves->cxt = cxt;
	moves->nstages = nstages;
	moves->period.first = PG_INT64_MIN;
	moves->period.last = PG_INT64_MAX;
	moves->allocated = 64;
	moves->moves = MemoryContextAlloc(cxt, moves->allocated * sizeof(Move));
	if (nstages <= FEW_STAGES)
		moves->table = MemoryContextAllocZero(cxt, (nstages + 1) * (nstages + 1) *
											  sizeof(uint32));
	else
		moves->hash = movehash_create(cxt, moves->allocated, NULL);
}

/* A move that was not seen before, made by that lead first. */
static uint32
new_move(Moves *moves, uint32 from, uint32 to, const Key *key)
{
	Move	   *move;

	if (moves->n == moves->allocated)
	{
		moves->moves = repalloc_huge(moves->moves,
									 (Size) moves->allocated * 2 * sizeof(Move));
		moves->allocated *= 2;
	}
	move = &moves->moves[moves->n];
	memset(move, 0, sizeof(Move));
	samples_init(&move->durations, moves->cxt);
	move->from = from;
	move->to = to;
	move->example = *key;
	if (key->kclass == KEY_TEXT)
	{
		char	   *bytes = MemoryContextAlloc(moves->cxt, Max(key->len, 1));

		memcpy(bytes, key->bytes, key->len);
		move->example.bytes = bytes;
	}
	return moves->n++;
}

static Move *
find_move(Moves *moves, uint32 from, uint32 to, const Key *key)
{
	bool		found;
	MoveEntry  *entry;

	if (moves->table != NULL)
	{
		/* nowhere comes first: one more than it is 0 */
		uint32	   *place = &moves->table[(from + 1) * (moves->nstages + 1) + (to + 1)];

		if (unlikely(*place == 0))
			*place = new_move(moves, from, to, key) + 1;
		return &moves->moves[*place - 1];
	}
	entry = movehash_insert(moves->hash, (uint64) from << 32 | to, &found);
	if (!found)
		entry->move = new_move(moves, from, to, key);
	return &moves->moves[entry->move];
}

static inline Move *
count_move(Moves *moves, uint32 from, uint32 to, const Key *key)
{
	Move	   *move = find_move(moves, from, to, key);

	move->transitions++;
	if (move->last_lead != moves->nleads)
	{
		move->last_lead = moves->nleads;
		move->leads++;
	}
	return move;
}

void
moves_add(Moves *moves, const Lead *lead, int64 n)
{
	int64		previous = -1;	/* stage event before */
	int64		entered_at = 0; /* when its stay began */

	moves->nleads++;
	for (int64 i = 0; i < n; i++)
	{
		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		if (lead->label[i] >= moves->nstages)
			continue;
		if (previous < 0)
		{
			if (in_period(&moves->period, lead->at[i]))
				count_move(moves, MOVE_NOWHERE, lead->label[i], &lead->key);
			entered_at = lead->at[i];
		}
		else if (!same_stay(lead, previous, i))
		{
			if (in_period(&moves->period, entered_at))
			{
				Move	   *move = count_move(moves, lead->label[previous],
											  lead->label[i], &lead->key);

				if (moves->stays)
					samples_add(&move->durations,
								(uint64) lead->at[i] - (uint64) entered_at);
			}
			entered_at = lead->at[i];
		}
		previous = i;
	}
	if (moves->stays && previous >= 0 && in_period(&moves->period, entered_at))
		count_move(moves, lead->label[previous], MOVE_NOWHERE, &lead->key);
}
