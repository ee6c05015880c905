/*
 * args.h
 *	  The arguments that questions have in common, read and checked. Errors
 *	  name the argument and say what it may be.
 */
#ifndef FUNNEL_ARGS_H
#define FUNNEL_ARGS_H

#include "calendar.h"
#include "cohort.h"
#include "fmgr.h"

#define NO_LIMIT	PG_UINT64_MAX

/* Times in microseconds; both ends belong to it. Empty if first > last. */
typedef struct Period
{
	int64		first;
	int64		last;
} Period;

static inline bool
in_period(const Period *period, int64 at)
{
	return at >= period->first && at <= period->last;
}

/* Error null_value_not_allowed if the argument, of that name, is NULL. */
extern void arg_not_null(FunctionCallInfo fcinfo, int n, const char *name);

/* A tstzrange; NULL is all of time. */
extern Period arg_period(FunctionCallInfo fcinfo, int n);

/* A timestamptz that must not be NULL. */
extern int64 arg_as_of(FunctionCallInfo fcinfo, int n);

/*
 * An interval in microseconds, of 24-hour days and 30-day months, as
 * PostgreSQL compares intervals: for an infinite one, more than for any that is
 * not; the same as a limit, below NO_LIMIT; and in days, which may be infinite.
 */
extern int128 interval_span(const Interval *interval);
extern uint64 interval_limit(const Interval *interval);
extern double interval_days(const Interval *interval);

/* An interval that must not be NULL and must be positive. */
extern const Interval *arg_interval(FunctionCallInfo fcinfo, int n,
									const char *name);

/* An interval as a limit; NULL is NO_LIMIT. Must be positive. */
extern uint64 arg_limit(FunctionCallInfo fcinfo, int n, const char *name);

/* A text that must not be NULL; name is that of the argument. */
extern text *arg_text(FunctionCallInfo fcinfo, int n, const char *name);

/* A text[] of one dimension and at least min elements, none NULL. */
extern text **arg_texts(FunctionCallInfo fcinfo, int n, const char *name,
						int min, int *count);

/*
 * What follows keeps something for the call site: it takes fn_extra for
 * itself.
 */

/*
 * The calendar that a text names, ready for all times in the stream and up to
 * as_of; NULL is none, and the result NULL. It is valid until the next call of
 * this call site.
 */
extern const Calendar *arg_calendar(FunctionCallInfo fcinfo, int n,
									const LeadStream *stream, int64 as_of);

/*
 * The code of a stage in the stream, or stream->nlabels if it does not occur.
 * Then, unless the cohort is empty, a warning names the stages that do; once
 * for each stage and call site, so that a question asked month by month does
 * not repeat it. With fcinfo NULL it does not warn.
 */
extern uint32 find_stage(FunctionCallInfo fcinfo, LeadStream *stream,
						 text *stage);

/* The stages, or the channels, of a stream for a message; not all if there are many. */
extern char *labels_named(LeadStream *stream, bool touch);

/* The same as find_stage() for a channel. */
extern uint32 find_channel(FunctionCallInfo fcinfo, LeadStream *stream,
						   text *channel);

/* The same for a stage that may occur in one of two cohorts only. */
extern void check_stage_of_either(FunctionCallInfo fcinfo, LeadStream *a,
								  LeadStream *b, text *stage);

#endif							/* FUNNEL_ARGS_H */
