/*
 * variants.h
 *	  The paths that leads take: which stages one after the other, by how many
 *	  leads, and how long it took them. Counting only; knows nothing of SQL.
 */
#ifndef FUNNEL_VARIANTS_H
#define FUNNEL_VARIANTS_H

#include "paths.h"
#include "samples.h"
#include "stays.h"

/*
 * One evaluation: variants_begin(), variants_add() for each lead, then
 * variants_choose().
 */
typedef struct Variants
{
	Paths		paths;			/* counted by leads */
	int64		nleads;			/* with at least one stay */

	/* private */
	uint32		nstages;		/* labels below are stages */
	uint32	   *lead_path;		/* by lead: its path, ... */
	uint64	   *lead_time;		/* ... and microseconds to its last entry */
	int64		leads_allocated;
	uint64	   *times;			/* of leads on chosen paths, by path */
	int64	   *path_times;		/* where those of a path begin, -1 if it is not chosen */
	MemoryContext cxt;
} Variants;

/* cxt is where the results live. */
extern void variants_begin(Variants *variants, const Label *labels,
						   uint32 nstages, MemoryContext cxt);

/* Adds the stays among the lead's first n events. */
extern void variants_add(Variants *variants, const Lead *lead, int64 n);

/* Chooses the paths of most leads, at most that many of them. */
extern void variants_choose(Variants *variants, int64 most);

/* Median of the days to the last entry, of the leads on a chosen path. */
extern double path_median_days(const Variants *variants, uint32 path);

#endif							/* FUNNEL_VARIANTS_H */
