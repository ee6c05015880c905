/*
 * cohort_value.h
 *	  Cohorts as SQL values: stored, or expanded where one has just been
 *	  aggregated and is read at once.
 */
#ifndef FUNNEL_COHORT_VALUE_H
#define FUNNEL_COHORT_VALUE_H

#include "cohort.h"

/*
 * The cohort that argument n holds, readable for the rest of the call. What
 * reading it needs is allocated in the current context, unless the value is
 * expanded and has its own.
 */
extern Cohort *cohort_getarg(FunctionCallInfo fcinfo, int n);

/*
 * A Datum for a cohort in the current context: small ones are stored at once,
 * large ones are left expanded, grouped but not packed, and go on reading the
 * buffer and the pieces, which must outlive them unchanged.
 */
extern Datum cohort_result(const Cohort *cohort);

/* A pile of pieces, as the merge aggregate builds it. */
extern bool cohort_is_pile(const char *data, Size size);
extern void cohort_add_value(Cohort *cohort, struct varlena *value);

#endif							/* FUNNEL_COHORT_VALUE_H */
