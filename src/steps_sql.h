/*
 * steps_sql.h
 *	  What SQL functions over the step funnel have in common.
 */
#ifndef FUNNEL_STEPS_SQL_H
#define FUNNEL_STEPS_SQL_H

#include "steps.h"

/*
 * Reads (steps, within, mode, period, as_of), which begin at argument n, into
 * eval; the labels of the steps.
 */
extern text **steps_args(FunctionCallInfo fcinfo, int n, Steps *eval);

/* Errors: not one of the four modes. */
extern StepsMode arg_mode(FunctionCallInfo fcinfo, int n);

/*
 * Opens a cohort and begins the evaluation, which has all of the arguments but
 * the stages of the steps. Errors: too many steps, a window in mode any. A step
 * that occurs nowhere warns; with fcinfo NULL it does not.
 */
extern LeadStream *steps_open(FunctionCallInfo fcinfo, Steps *eval,
							  Cohort *cohort, text **steps);

/* Counts the leads of the cohort. */
extern void steps_count(Steps *eval, LeadStream *stream);

#endif							/* FUNNEL_STEPS_SQL_H */
