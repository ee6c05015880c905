/*
 * calendar.h
 *	  Working time: a calendar of funnel.calendar, made ready to measure spans
 *	  of time.
 *
 * With a calendar a day is a working day: as long as the calendar's weekdays
 * with hours are on average.
 */
#ifndef FUNNEL_CALENDAR_H
#define FUNNEL_CALENDAR_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct Calendar Calendar;

/*
 * The calendar of that name as the active snapshot shows it, ready for times
 * from first to last (microseconds). It lives in a context of its own within
 * cxt. Errors: undefined_object if there is none of that name;
 * object_not_in_prerequisite_state if it has no hours; program_limit_exceeded
 * if first and last are more than 366,000 days apart or last is infinite.
 */
extern const Calendar *calendar_open(const char *name, int64 first, int64 last,
									 MemoryContext cxt);

/*
 * The same for a call site that asks again and again, row by row or group by
 * group: returns calendar (NULL at first), if it is what calendar_open() would
 * make, and otherwise frees it and opens another one.
 */
extern const Calendar *calendar_reopen(const Calendar *calendar, const char *name,
									   int64 first, int64 last, MemoryContext cxt);

/* Working microseconds; 0 if to <= from. Both lie from first to last. */
extern int64 calendar_between(const Calendar *calendar, int64 from, int64 to);

/* Working microseconds as working days. */
extern double calendar_days(const Calendar *calendar, int64 working);

/*
 * A finite interval as working microseconds: its days are working days, its
 * hours working hours. PG_INT64_MAX if it is longer than any span. Errors:
 * invalid_parameter_value if it has months, or is not positive. And one without
 * error as working days.
 */
extern int64 calendar_allowance(const Calendar *calendar, const Interval *allowed);
extern double calendar_allowance_days(const Calendar *calendar, const Interval *allowed);

#endif							/* FUNNEL_CALENDAR_H */
