/*
 * calendar.c
 *	  Working time by the tables of calendars, funnel.working_days() and
 *	  funnel.is_time_zone().
 *
 * A calendar's hours and the rules of its time zone make a list of spans of
 * real time, one after the other, each with the working time before it.
 * calendar_clock() finds a time's place in the list through a table of equally
 * long stretches of time, without a search, and so knows how much working time
 * has passed by then; what lies between two times is the difference.
 *
 * Opening and closing times are those of the wall clock of the time zone.
 * Of a time that the clock shows twice, as it is set back, the server's rule
 * takes the second; a time that the clock skips, as it is set forward, is the
 * moment of the skip. So times of the wall clock, in their order, never go
 * back in real time, spans need no sorting, and hours or dates that do not
 * exist have no length.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "calendar.h"
#include "compat.h"

PG_FUNCTION_INFO_V1(working_days);
PG_FUNCTION_INFO_V1(funnel_is_time_zone);

#define CALENDAR_SCHEMA		"funnel"
#define CALENDARS_NAMED		20		/* in a hint */
#define DAYS_PER_WEEK		7
#define MAX_DAYS			366000	/* more than 1,000 years */
#define MAX_SPAN			(MAX_DAYS * USECS_PER_DAY)

/* Columns of the tables, in the order of sql/51-calendar.sql. */
enum
{
	Anum_calendar_name = 1,
	Anum_calendar_time_zone
};

enum
{
	Anum_hours_calendar = 1,
	Anum_hours_weekday,
	Anum_hours_opens,
	Anum_hours_closes
};

enum
{
	Anum_holiday_calendar = 1,
	Anum_holiday_day
};

/* Times of day in microseconds. */
typedef struct Hours
{
	int64		opens;
	int64		closes;
	int			weekday;		/* 1 to 7, Monday is 1 */
} Hours;

/* Working time without a break, before to; and all that was before it. */
typedef struct Span
{
	int64		from;
	int64		to;
	int64		before;
} Span;

/*
 * What the tables looked like: two equal ones have seen the same rows. Within
 * one xmax transactions can only end, which changes the counts.
 */
typedef struct SeenBy
{
	TransactionId xmin;
	TransactionId xmax;
	uint32		xcnt;
	int32		subxcnt;
	CommandId	curcid;
	SubTransactionId subxact;
} SeenBy;

/* Stretches of time with an entry in the table, 19 hours long. */
#define STRETCH_BITS	36

struct Calendar
{
	char	   *name;
	int64		first;			/* the times it can measure */
	int64		last;
	Span	   *spans;			/* by time; the last one is the end of time */
	uint32		nspans;
	uint32	   *stretches;		/* of each, the first span that ends after it begins */
	int64		weekly;			/* working time of a week */
	int			weekdays;		/* that have hours */
	double		day_length;

	/* what it was made of */
	MemoryContext cxt;
	SeenBy		seen;
	pg_tz	   *zone;
	Hours	   *hours;			/* by weekday and time; the last one has weekday 8 */
	int			nhours;
	DateADT    *holidays;		/* ascending */
	int			nholidays;
};

/* ------------------------------------------------------------------------
 * Reading the tables
 * ------------------------------------------------------------------------
 */

/* Of a row of the calendar's; false ends the scan. */
typedef bool (*RowReader) (Calendar *calendar, const Datum *values);

static Relation
open_table(const char *name)
{
	Oid			relid = get_relname_relid(name, get_namespace_oid(CALENDAR_SCHEMA, false));

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" does not exist", CALENDAR_SCHEMA, name),
				 errhint("Create extension funnel again.")));
	return table_open(relid, AccessShareLock);
}

/*
 * Hands the rows of the calendar to a reader. The column of its name comes
 * first, in the table and in its primary key, and no column that a reader looks
 * at is NULL.
 */
static void
read_table(const char *table, Calendar *calendar, RowReader reader)
{
	Relation	rel = open_table(table);
	TupleDesc	desc = RelationGetDescr(rel);
	Oid			index = funnel_primary_key_index(rel);
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));
	text	   *name = cstring_to_text(calendar->name);
	ScanKeyData key;
	SysScanDesc scan;
	bool		more = true;
	HeapTuple	tuple;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ, PointerGetDatum(name));
	key.sk_collation = TupleDescAttr(desc, 0)->attcollation;
	scan = systable_beginscan(rel, index, OidIsValid(index), GetActiveSnapshot(), 1, &key);
	while (more && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		heap_deform_tuple(tuple, desc, values, nulls);
		more = reader(calendar, values);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	pfree(name);
	pfree(values);
	pfree(nulls);
}

/* Room for one more element of an array that grows by doubling. */
#define GROW(calendar, array, n) \
	do { \
		if ((n) == 0) \
			(array) = MemoryContextAlloc((calendar)->cxt, sizeof(*(array))); \
		else if (((n) & ((n) - 1)) == 0) \
			(array) = repalloc_huge(array, 2 * (Size) (n) * sizeof(*(array))); \
	} while (0)

/*
 * The time zone that view pg_timezone_names has under a name, in upper or lower
 * case; NULL if there is none. After a colon pg_tzset() takes names only, and
 * not forms like UTC+2, which it would read as hours behind UTC.
 */
static pg_tz *
find_zone(const char *name)
{
	char	   *only_name = psprintf(":%s", name);
	pg_tz	   *zone = pg_tzset(only_name);

	pfree(only_name);
	if (zone == NULL || !pg_tz_acceptable(zone) ||
		pg_strcasecmp(pg_get_timezone_name(zone), name) != 0)
		return NULL;
	return zone;
}

static bool
read_calendar_row(Calendar *calendar, const Datum *values)
{
	char	   *name = TextDatumGetCString(values[Anum_calendar_time_zone - 1]);
	pg_tz	   *zone = find_zone(name);

	if (zone == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("time zone \"%s\" of calendar \"%s\" does not exist", name, calendar->name),
				 errhint("Set column time_zone of table funnel.calendar to one of view pg_timezone_names.")));
	calendar->zone = zone;
	pfree(name);
	return false;
}

static bool
read_hours_row(Calendar *calendar, const Datum *values)
{
	Hours	   *hours;

	GROW(calendar, calendar->hours, calendar->nhours);
	hours = &calendar->hours[calendar->nhours++];
	hours->weekday = DatumGetInt32(values[Anum_hours_weekday - 1]);
	hours->opens = DatumGetTimeADT(values[Anum_hours_opens - 1]);
	hours->closes = DatumGetTimeADT(values[Anum_hours_closes - 1]);
	return true;
}

static bool
read_holiday_row(Calendar *calendar, const Datum *values)
{
	GROW(calendar, calendar->holidays, calendar->nholidays);
	calendar->holidays[calendar->nholidays++] = DatumGetDateADT(values[Anum_holiday_day - 1]);
	return true;
}

static int
hours_cmp(const void *a, const void *b)
{
	const Hours *x = a;
	const Hours *y = b;

	if (x->weekday != y->weekday)
		return x->weekday < y->weekday ? -1 : 1;
	return (x->opens > y->opens) - (x->opens < y->opens);
}

static int
holiday_cmp(const void *a, const void *b)
{
	DateADT		x = *(const DateADT *) a;
	DateADT		y = *(const DateADT *) b;

	return (x > y) - (x < y);
}

static int
name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* The error that there is no such calendar; it names those that there are. */
static void
no_such_calendar(const char *name)
{
	Relation	rel = open_table("calendar");
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, GetActiveSnapshot(), 0, NULL);
	char	  **names = palloc(sizeof(char *));
	int			n = 0;
	StringInfoData list;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;

		names = repalloc_huge(names, (n + 1) * sizeof(char *));
		names[n++] = TextDatumGetCString(heap_getattr(tuple, Anum_calendar_name,
													  RelationGetDescr(rel), &isnull));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	qsort(names, n, sizeof(char *), name_cmp);
	initStringInfo(&list);
	for (int i = 0; i < n && i < CALENDARS_NAMED; i++)
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", names[i]);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("calendar \"%s\" does not exist", name),
			 n == 0 ? errhint("Table funnel.calendar is empty; add one to it.") :
			 errhint("The calendars are: %s%s. Table funnel.calendar takes others.", list.data,
					 n > CALENDARS_NAMED ? " and more" : "")));
}

static void
read_calendar(Calendar *calendar)
{
	read_table("calendar", calendar, read_calendar_row);
	if (calendar->zone == NULL)
		no_such_calendar(calendar->name);
	read_table("calendar_hours", calendar, read_hours_row);
	if (calendar->nhours == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("calendar \"%s\" has no hours", calendar->name),
				 errhint("Add some, for Mondays by INSERT INTO funnel.calendar_hours VALUES (%s, 1, '09:00', '17:00').",
						 quote_literal_cstr(calendar->name))));
	qsort(calendar->hours, calendar->nhours, sizeof(Hours), hours_cmp);
	read_table("calendar_holiday", calendar, read_holiday_row);
	if (calendar->nholidays > 0)
		qsort(calendar->holidays, calendar->nholidays, sizeof(DateADT), holiday_cmp);

	for (int i = 0; i < calendar->nhours; i++)
	{
		const Hours *hours = &calendar->hours[i];

		calendar->weekly += hours->closes - hours->opens;
		if (i == 0 || hours->weekday != hours[-1].weekday)
			calendar->weekdays++;
	}
	calendar->day_length = (double) calendar->weekly / calendar->weekdays;
	GROW(calendar, calendar->hours, calendar->nhours);
	calendar->hours[calendar->nhours].weekday = DAYS_PER_WEEK + 1;
}

static void
get_seen_by(SeenBy *seen)
{
	Snapshot	snapshot = GetActiveSnapshot();

	memset(seen, 0, sizeof(SeenBy));
	seen->xmin = snapshot->xmin;
	seen->xmax = snapshot->xmax;
	seen->xcnt = snapshot->xcnt;
	seen->subxcnt = snapshot->subxcnt;
	seen->curcid = snapshot->curcid;
	seen->subxact = GetCurrentSubTransactionId();
}

/* ------------------------------------------------------------------------
 * Working time as spans of real time
 * ------------------------------------------------------------------------
 */

/* What the zone's clock shows at a time, as microseconds since the epoch. */
static int64
wall_clock(pg_tz *zone, int64 at)
{
	struct pg_tm tm;
	fsec_t		fsec;
	int			gmtoff;

	if (timestamp2tm(at, &gmtoff, &tm, &fsec, NULL, zone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	return ((int64) date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY +
		((tm.tm_hour * MINS_PER_HOUR + tm.tm_min) * SECS_PER_MINUTE + tm.tm_sec) * USECS_PER_SEC + fsec;
}

/* The Julian day that it shows. */
static int
wall_day(pg_tz *zone, int64 at)
{
	int64		shown = wall_clock(zone, at);
	int64		day = shown / USECS_PER_DAY - (shown % USECS_PER_DAY < 0 ? 1 : 0);

	return day + POSTGRES_EPOCH_JDATE;
}

/*
 * Times of the wall clock (microseconds since the epoch, as it shows them) far
 * enough from any change of the clock to be real times plus an offset.
 */
typedef struct Steady
{
	int64		from;
	int64		to;
	int64		offset;
} Steady;

/* Farther from a change than any change is long. */
#define FAR_FROM_CHANGE	(2 * USECS_PER_DAY)

/* The next change of the clock after a time; false if there is none. */
static bool
next_change(pg_tz *zone, int64 at, int64 *change, int64 *offset)
{
	pg_time_t	after = timestamptz_to_time_t(at) - 1;	/* it may have been rounded up */
	pg_time_t	boundary;
	long int	gmtoff_before;
	long int	gmtoff_after;
	int			isdst_before;
	int			isdst_after;
	int			found = pg_next_dst_boundary(&after, &gmtoff_before, &isdst_before, &boundary,
											 &gmtoff_after, &isdst_after, zone);

	*offset = gmtoff_before * USECS_PER_SEC;
	*change = found == 1 ? time_t_to_timestamptz(boundary) : PG_INT64_MAX;
	return found == 1;
}

/* When the zone's clock shows a time of day, which may be 24:00. */
static int64
real_time(pg_tz *zone, int day, int64 time, Steady *steady)
{
	int64		local = ((int64) day - POSTGRES_EPOCH_JDATE) * USECS_PER_DAY + time;
	int64		at;
	int64		shown;
	int64		change;
	int64		offset;
	struct pg_tm tm;

	if (local >= steady->from && local < steady->to)
		return local - steady->offset;

	if (time == USECS_PER_DAY)
	{
		day++;
		time = 0;
	}
	memset(&tm, 0, sizeof(tm));
	j2date(day, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	tm.tm_hour = time / USECS_PER_HOUR;
	tm.tm_min = time / USECS_PER_MINUTE % MINS_PER_HOUR;
	tm.tm_sec = time / USECS_PER_SEC % SECS_PER_MINUTE;
	at = local + DetermineTimeZoneOffset(&tm, zone) * USECS_PER_SEC;
	if (!IS_VALID_TIMESTAMP(at))
		return at;				/* nothing that is measured is there */

	shown = wall_clock(zone, at);
	if (shown != local)
	{
		/* Skipped: at is by the clock before the skip, and as much behind it as time is. */
		if (next_change(zone, at - (shown - local), &change, &offset))
			at = Min(at, change);
	}
	else
	{
		steady->from = local + FAR_FROM_CHANGE;
		steady->to = next_change(zone, at, &change, &offset) ?
			change + offset - FAR_FROM_CHANGE : PG_INT64_MAX;
		steady->offset = offset;
	}
	return at;
}

static bool
is_holiday(const Calendar *calendar, DateADT day, int *next)
{
	while (*next < calendar->nholidays && calendar->holidays[*next] < day)
		(*next)++;
	return *next < calendar->nholidays && calendar->holidays[*next] == day;
}

/* Adds a span that begins no earlier than those before it. */
static void
add_span(Calendar *calendar, int64 from, int64 to, int64 before)
{
	Span	   *span;

	GROW(calendar, calendar->spans, calendar->nspans);
	span = &calendar->spans[calendar->nspans++];
	span->from = from;
	span->to = to;
	span->before = before;
}

/* The spans of all days that first and last may touch. */
static void
build_spans(Calendar *calendar)
{
	int64		total = 0;
	int			next_holiday = 0;
	int			first_day = wall_day(calendar->zone, calendar->first) - 1;
	int			last_day = wall_day(calendar->zone, calendar->last) + 1;
	Steady		steady = {PG_INT64_MAX, PG_INT64_MIN, 0};
	int			of_weekday[DAYS_PER_WEEK + 2];

	for (int weekday = 1, i = 0; weekday <= DAYS_PER_WEEK + 1; weekday++)
	{
		while (calendar->hours[i].weekday < weekday)
			i++;
		of_weekday[weekday] = i;
	}
	for (int day = Max(first_day, 0); day <= last_day; day++)
	{
		int			weekday = j2day(day);	/* 0 is Sunday */

		CHECK_FOR_INTERRUPTS();
		weekday = weekday == 0 ? DAYS_PER_WEEK : weekday;
		if (of_weekday[weekday] == of_weekday[weekday + 1] ||
			is_holiday(calendar, day - POSTGRES_EPOCH_JDATE, &next_holiday))
			continue;
		for (int i = of_weekday[weekday]; i < of_weekday[weekday + 1]; i++)
		{
			Span	   *previous = calendar->nspans > 0 ?
				&calendar->spans[calendar->nspans - 1] : NULL;
			int64		from = real_time(calendar->zone, day, calendar->hours[i].opens,
											  &steady);
			int64		to = real_time(calendar->zone, day, calendar->hours[i].closes,
											&steady);

			if (previous != NULL)
				from = Max(from, previous->to);
			if (to <= from)
				continue;
			if (previous != NULL && from == previous->to)
				previous->to = to;
			else
				add_span(calendar, from, to, total);
			total += to - from;
		}
	}
	add_span(calendar, PG_INT64_MAX, PG_INT64_MAX, total);
}

static void
build_stretches(Calendar *calendar)
{
	uint64		n = ((uint64) (calendar->last - calendar->first) >> STRETCH_BITS) + 1;
	uint32		span = 0;

	calendar->stretches = MemoryContextAllocHuge(calendar->cxt, (n + 1) * sizeof(uint32));
	for (uint64 i = 0; i <= n; i++)
	{
		while (calendar->spans[span].to <= calendar->first + (int64) (i << STRETCH_BITS) &&
			   span < calendar->nspans - 1)
			span++;
		calendar->stretches[i] = span;
	}
}

/* Working time that has passed at a time, since some time before all others. */
static inline int64
calendar_clock(const Calendar *calendar, int64 at)
{
	uint64		stretch = (uint64) (at - calendar->first) >> STRETCH_BITS;
	uint32		low = calendar->stretches[stretch];
	uint32		high = calendar->stretches[stretch + 1];
	const Span *span;

	/* the first span that ends after it */
	while (low < high)
	{
		uint32		mid = (low + high) / 2;

		if (calendar->spans[mid].to > at)
			high = mid;
		else
			low = mid + 1;
	}
	span = &calendar->spans[low];
	return span->before + (at > span->from ? at - span->from : 0);
}

/* ------------------------------------------------------------------------
 * What calendar.h offers
 * ------------------------------------------------------------------------
 */

static bool
too_long(int64 first, int64 last)
{
	return TIMESTAMP_IS_NOBEGIN(first) || TIMESTAMP_IS_NOEND(last) ||
		(uint64) last - (uint64) first > (uint64) MAX_SPAN;
}

const Calendar *
calendar_open(const char *name, int64 first, int64 last, MemoryContext cxt)
{
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "funnel calendar",
											  ALLOCSET_DEFAULT_SIZES);
	Calendar   *calendar = MemoryContextAllocZero(own, sizeof(Calendar));

	calendar->cxt = own;
	calendar->name = MemoryContextStrdup(own, name);
	calendar->first = first;
	calendar->last = Max(first, last);
	get_seen_by(&calendar->seen);
	read_calendar(calendar);
	if (too_long(first, calendar->last))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("calendar \"%s\" cannot measure more than %d days", name, MAX_DAYS),
				 errdetail("The times are from %s to %s.", pstrdup(timestamptz_to_str(first)),
						   pstrdup(timestamptz_to_str(calendar->last))),
				 errhint("Look for wrong times; funnel.describe() tells the first and the last time of a cohort.")));
	build_spans(calendar);
	build_stretches(calendar);
	MemoryContextSetParent(own, cxt);
	return calendar;
}

/*
 * Makes times reach over those of the calendar too; where they go beyond, by
 * as much again, so that a call site seldom opens a calendar.
 */
#define LEAST_MORE	(INT64CONST(400) * USECS_PER_DAY)

static void
widen(const Calendar *calendar, int64 *first, int64 *last)
{
	int64		wide_first = Min(*first, calendar->first);
	int64		wide_last = Max(*last, calendar->last);
	int64		more;

	if (too_long(wide_first, wide_last))
		return;
	more = Max(wide_last - wide_first, LEAST_MORE);
	more = Min(more, (MAX_SPAN - (wide_last - wide_first)) / 2);
	*first = wide_first;
	*last = wide_last;
	if (wide_first < calendar->first && IS_VALID_TIMESTAMP(wide_first - more))
		*first -= more;
	if (wide_last > calendar->last && IS_VALID_TIMESTAMP(wide_last + more))
		*last += more;
}

const Calendar *
calendar_reopen(const Calendar *calendar, const char *name, int64 first, int64 last,
				MemoryContext cxt)
{
	const Calendar *reopened;
	SeenBy		seen;

	if (calendar == NULL)
		return calendar_open(name, first, last, cxt);
	last = Max(first, last);
	get_seen_by(&seen);
	if (strcmp(name, calendar->name) == 0 && memcmp(&seen, &calendar->seen, sizeof(seen)) == 0)
	{
		if (first >= calendar->first && last <= calendar->last)
			return calendar;
		widen(calendar, &first, &last);
	}
	reopened = calendar_open(name, first, last, cxt);
	MemoryContextDelete(calendar->cxt);
	return reopened;
}

int64
calendar_between(const Calendar *calendar, int64 from, int64 to)
{
	Assert(from >= calendar->first && to <= calendar->last);
	from = Max(from, calendar->first);
	to = Min(to, calendar->last);
	return to <= from ? 0 : calendar_clock(calendar, to) - calendar_clock(calendar, from);
}

double
calendar_days(const Calendar *calendar, int64 working)
{
	return working / calendar->day_length;
}

static char *
interval_text(const Interval *interval)
{
	return DatumGetCString(DirectFunctionCall1(interval_out, PointerGetDatum(interval)));
}

/*
 * An interval without months as working time, times the number of weekdays
 * that have hours, to divide but once.
 */
static int128
weekdays_time(const Calendar *calendar, const Interval *interval)
{
	return (int128) interval->day * calendar->weekly +
		(int128) interval->time * calendar->weekdays;
}

int64
calendar_allowance(const Calendar *calendar, const Interval *allowed)
{
	int128		time = weekdays_time(calendar, allowed);

	if (allowed->month != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("interval \"%s\" is no working time", interval_text(allowed)),
				 errdetail("A month has no fixed number of working days."),
				 errhint("Write it in days and hours: with a calendar, '20 days' are 20 working days.")));
	if (time <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("interval \"%s\" is not positive in calendar \"%s\"",
						interval_text(allowed), calendar->name),
				 errdetail("A day has %g working hours there.",
						   calendar->day_length / USECS_PER_HOUR),
				 errhint("Write it in days, or in hours.")));
	return Min(time / calendar->weekdays, PG_INT64_MAX);
}

double
calendar_allowance_days(const Calendar *calendar, const Interval *allowed)
{
	return (double) weekdays_time(calendar, allowed) / (double) calendar->weekly;
}

/* ------------------------------------------------------------------------
 * funnel.working_days(calendar text, from_at timestamptz, to_at timestamptz)
 * ------------------------------------------------------------------------
 */
Datum
working_days(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	TimestampTz from = PG_GETARG_TIMESTAMPTZ(1);
	TimestampTz to = PG_GETARG_TIMESTAMPTZ(2);
	MemoryContext cxt = fcinfo->flinfo->fn_mcxt;
	List	   *calendars = fcinfo->flinfo->fn_extra;	/* those this call site has met */
	ListCell   *cell = NULL;
	const Calendar *calendar;

	if (TIMESTAMP_NOT_FINITE(from) || TIMESTAMP_NOT_FINITE(to))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be finite",
						TIMESTAMP_NOT_FINITE(from) ? "from_at" : "to_at"),
				 errhint("Pass a time, such as now().")));
	foreach(cell, calendars)
		if (strcmp(((const Calendar *) lfirst(cell))->name, name) == 0)
			break;
	calendar = calendar_reopen(cell == NULL ? NULL : lfirst(cell), name, from, to, cxt);
	if (cell == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		fcinfo->flinfo->fn_extra = lappend(calendars, unconstify(Calendar *, calendar));
		MemoryContextSwitchTo(old);
	}
	else
		lfirst(cell) = unconstify(Calendar *, calendar);
	PG_RETURN_FLOAT8(calendar_days(calendar, calendar_between(calendar, from, to)));
}

/* funnel.is_time_zone(name text): may a calendar have this time zone? */
Datum
funnel_is_time_zone(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(find_zone(text_to_cstring(PG_GETARG_TEXT_PP(0))) != NULL);
}
