/*
 * trace.h
 *	  What becomes of cohorts while a query runs, in the server's log: for those
 *	  who set funnel.trace_cohorts.
 */
#ifndef FUNNEL_TRACE_H
#define FUNNEL_TRACE_H

#include "cohort.h"

extern bool trace_cohorts;

/* Defines the setting. */
extern void trace_define_setting(void);

/* The parts of a cohort, all rows of which have been gathered. */
extern void trace_gathered(const Cohort *cohort);

/* Its last lead has been read. */
extern void trace_read(const LeadStream *stream);

/* Events have gone to a file, as the last piece of a cohort. */
extern void trace_spilled(const Cohort *cohort);

/* A worker hands a cohort over in as many bytes. */
extern void trace_handed_over(Size bytes);

#endif							/* FUNNEL_TRACE_H */
