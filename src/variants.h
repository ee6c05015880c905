/*
 * variants.h
 *	  The paths that leads take: which stages one after the other, by how many
 *	  leads, and how long it took them. Counting only; knows nothing of SQL.
 */
#ifndef FUNNEL_VARIANTS_H
#define FUNNEL_VARIANTS_H

#include "label.h"
#include "samples.h"
#include "stays.h"

#define PATH_SEPARATOR	" > "

/* One sequence of stages, and the leads whose stays were these. */
typedef struct Path
{
	const char *codes;			/* of the stages: see path_stage() */
	int64		length;			/* stays, at least one */
	int64		leads;
	int64		times;			/* where its durations begin, if it is chosen */
	uint32		hash;
} Path;

/*
 * One evaluation: variants_begin(), variants_add() for each lead, then
 * variants_choose().
 */
typedef struct Variants
{
	int64		nleads;			/* with at least one stay */
	uint32	   *chosen;			/* paths, the most frequent first */
	uint32		nchosen;

	/* private: paths[npaths] is the one being read */
	Path	   *paths;
	uint32		npaths;
	uint32		allocated;
	const Label *labels;
	uint32		nstages;		/* labels below are stages */
	int			width;			/* bytes of a stage's code in a path */
	char	   *scratch;		/* path of one lead */
	Size		scratch_size;
	char	   *room;			/* for paths to be kept */
	Size		room_left;
	Size		room_size;
	struct pathhash_hash *hash;
	uint32	   *lead_path;		/* by lead: its path, ... */
	uint64	   *lead_time;		/* ... and microseconds to its last entry */
	int64		leads_allocated;
	uint64	   *times;			/* of leads on chosen paths, by path */
	MemoryContext cxt;
} Variants;

/* cxt is where the results live. */
extern void variants_begin(Variants *variants, const Label *labels,
						   uint32 nstages, MemoryContext cxt);

/* Adds the stays among the lead's first n events. */
extern void variants_add(Variants *variants, const Lead *lead, int64 n);

/*
 * Chooses the paths of most leads, at most that many of them; equally many:
 * by the text of the path, bytewise.
 */
extern void variants_choose(Variants *variants, int64 most);

/* The stage of stay i of a path, as a label code. */
static inline uint32
path_stage(const Variants *variants, const Path *path, int64 i)
{
	switch (variants->width)
	{
		case 1:
			return ((const uint8 *) path->codes)[i];
		case 2:
			return ((const uint16 *) path->codes)[i];
		default:
			return ((const uint32 *) path->codes)[i];
	}
}

/* Median of the days to the last entry, of the leads on a chosen path. */
extern double path_median_days(const Variants *variants, const Path *path);

/*
 * The text of a path: its stages, with separators between. It has to be
 * allocated by the caller: path_text() writes path_text_length() bytes.
 */
extern uint64 path_text_length(const Variants *variants, const Path *path);
extern void path_text(const Variants *variants, const Path *path, char *text);

#endif							/* FUNNEL_VARIANTS_H */
