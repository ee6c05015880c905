/*
 * paths_sql.h
 *	  What SQL functions that show paths have in common.
 */
#ifndef FUNNEL_PATHS_SQL_H
#define FUNNEL_PATHS_SQL_H

#include "paths.h"

/* How many paths to show. Errors: NULL, not positive. */
extern int32 arg_most(FunctionCallInfo fcinfo, int n);

/*
 * The text of a path, palloc'd; what its labels are, and what to do, for the
 * error: too long to be a value (program_limit_exceeded).
 */
extern Datum path_datum(const Paths *paths, const Path *path, const char *what,
						const char *hint);

#endif							/* FUNNEL_PATHS_SQL_H */
