/*
 * cohort_run.h
 *	  Runs: events beyond the memory that a query may take, in a temporary file.
 *	  A run has its leads in order and packed as in the stored form of a cohort,
 *	  and is read as one more piece of a cohort.
 *
 * The file belongs to the resource owner that was current when it was made: it
 * is gone after an error and at the end of the query at the latest, and counts
 * for temp_file_limit and log_temp_files.
 */
#ifndef FUNNEL_COHORT_RUN_H
#define FUNNEL_COHORT_RUN_H

#include "cohort.h"

/*
 * Moves the events of a buffer, and those pieces of the cohort that are in
 * memory, to a run, which becomes a piece of the cohort. The buffer is emptied;
 * what the pieces point to must be their own, and is freed.
 */
extern void cohort_spill(Cohort *cohort, EventBuffer *buffer);

/* Writes another cohort to a run, which becomes a piece of this one. */
extern void cohort_add_as_run(Cohort *cohort, Cohort *source);

/* Bytes of its file that a run takes. */
extern int64 cohort_run_bytes(const FlatCohort *run);

/*
 * Reads a run block by block. What a block holds, keys and texts too, stays
 * where it is until the block after the next is read.
 */
typedef struct RunReader RunReader;

extern RunReader *run_reader_create(const FlatCohort *run, MemoryContext cxt);
extern void run_reader_rewind(RunReader *reader);

/* The next block, of whole leads; false at the end. */
extern bool run_reader_next(RunReader *reader, const char **start, const char **end);

#endif							/* FUNNEL_COHORT_RUN_H */
