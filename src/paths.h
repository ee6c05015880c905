/*
 * paths.h
 *	  Sequences of labels, each kept once and counted. Knows nothing of SQL.
 */
#ifndef FUNNEL_PATHS_H
#define FUNNEL_PATHS_H

#include "label.h"

#define PATH_SEPARATOR	" > "

/* One sequence of labels. */
typedef struct Path
{
	const char *codes;			/* of the labels: see path_label() */
	int64		length;			/* at least one */
	int64		count;			/* the caller's; most come first, ... */
	int64		second;			/* ... of equally many those with most of this */
	uint32		hash;
} Path;

typedef struct Paths
{
	Path	   *paths;			/* paths[npaths] is the one being read */
	uint32		npaths;
	uint32	   *chosen;			/* by paths_choose() */
	uint32		nchosen;

	/* private */
	uint32		allocated;
	const Label *labels;
	int			width;			/* bytes of a label's code in a path */
	char	   *scratch;		/* the path being read */
	Size		scratch_size;
	char	   *room;			/* for paths to be kept */
	Size		room_left;
	Size		room_size;
	struct pathhash_hash *hash;
	MemoryContext cxt;
} Paths;

/* Codes are below nlabels. cxt is where everything lives. */
extern void paths_init(Paths *paths, const Label *labels, uint32 nlabels,
					   MemoryContext cxt);

/* A path is read code by code: room for at most n, the codes, the number of the path. */
extern void paths_reserve(Paths *paths, int64 n);

static inline void
paths_put(Paths *paths, int64 i, uint32 code)
{
	switch (paths->width)
	{
		case 1:
			((uint8 *) paths->scratch)[i] = (uint8) code;
			break;
		case 2:
			((uint16 *) paths->scratch)[i] = (uint16) code;
			break;
		default:
			((uint32 *) paths->scratch)[i] = code;
	}
}

/* A new one has counts of 0. Errors: over four billion (program_limit_exceeded). */
extern uint32 paths_find(Paths *paths, int64 length);

/*
 * Chooses the first paths, at most that many of them, by count, by second, and
 * by the text of the path, bytewise.
 */
extern void paths_choose(Paths *paths, int64 most);

/* Label i of a path, as a code. */
static inline uint32
path_label(const Paths *paths, const Path *path, int64 i)
{
	switch (paths->width)
	{
		case 1:
			return ((const uint8 *) path->codes)[i];
		case 2:
			return ((const uint16 *) path->codes)[i];
		default:
			return ((const uint32 *) path->codes)[i];
	}
}

/*
 * The text of a path: its labels, with separators between. It has to be
 * allocated by the caller: path_text() writes path_text_length() bytes.
 */
extern uint64 path_text_length(const Paths *paths, const Path *path);
extern void path_text(const Paths *paths, const Path *path, char *text);

#endif							/* FUNNEL_PATHS_H */
