/*
 * moves.c
 *	  Counting how leads go from stage to stage.
 *
 * Leads make many moves between few pairs of stages. The moves lie in an array,
 * which a hash table finds by the pair; both grow with the number of pairs, and
 * nothing else is kept of a lead.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "moves.h"
#include "stays.h"

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
	moves->allocated = 64;
	moves->moves = MemoryContextAlloc(cxt, moves->allocated * sizeof(Move));
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

static void
count_move(Moves *moves, uint32 from, uint32 to, const Key *key)
{
	bool		found;
	MoveEntry  *entry = movehash_insert(moves->hash, (uint64) from << 32 | to, &found);
	Move	   *move;

	if (!found)
		entry->move = new_move(moves, from, to, key);
	move = &moves->moves[entry->move];
	move->transitions++;
	if (move->last_lead != moves->nleads)
	{
		move->last_lead = moves->nleads;
		move->leads++;
	}
}

void
moves_add(Moves *moves, const Lead *lead, int64 n)
{
	int64		previous = -1;	/* stage event before */

	moves->nleads++;
	for (int64 i = 0; i < n; i++)
	{
		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		if (lead->label[i] >= moves->nstages)
			continue;
		if (previous < 0)
			count_move(moves, MOVE_FROM_NOWHERE, lead->label[i], &lead->key);
		else if (!same_stay(lead, previous, i))
			count_move(moves, lead->label[previous], lead->label[i], &lead->key);
		previous = i;
	}
}
