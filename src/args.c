/*
 * args.c
 *	  Reading and checking the arguments that questions have in common.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "args.h"
#include "compat.h"
#include "samples.h"

void
arg_not_null(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name),
				 errhint("Pass a value, or leave the argument out if it has a default.")));
}

Period
arg_period(FunctionCallInfo fcinfo, int n)
{
	Period		period = {PG_INT64_MIN, PG_INT64_MAX};
	RangeType  *range;
	TypeCacheEntry *typcache;
	RangeBound	lower,
				upper;
	bool		empty;

	if (PG_ARGISNULL(n))
		return period;
	range = PG_GETARG_RANGE_P(n);
	typcache = lookup_type_cache(RangeTypeGetOid(range), TYPECACHE_RANGE_INFO);
	range_deserialize(typcache, range, &lower, &upper, &empty);
	if (empty)
	{
		period.first = PG_INT64_MAX;
		period.last = PG_INT64_MIN;
		return period;
	}
	if (!lower.infinite)
	{
		period.first = DatumGetTimestampTz(lower.val);
		if (!lower.inclusive && period.first < PG_INT64_MAX)
			period.first++;
	}
	if (!upper.infinite)
	{
		period.last = DatumGetTimestampTz(upper.val);
		if (!upper.inclusive && period.last > PG_INT64_MIN)
			period.last--;
	}
	return period;
}

int64
arg_as_of(FunctionCallInfo fcinfo, int n)
{
	arg_not_null(fcinfo, n, "as_of");
	return PG_GETARG_TIMESTAMPTZ(n);
}

int128
interval_span(const Interval *interval)
{
	return (int128) interval->month * DAYS_PER_MONTH * USECS_PER_DAY +
		(int128) interval->day * USECS_PER_DAY + interval->time;
}

uint64
interval_limit(const Interval *interval)
{
	int128		span = interval_span(interval);

	/* longer than all of time is still a limit */
	return span >= (int128) NO_LIMIT ? NO_LIMIT - 1 : (uint64) span;
}

double
interval_days(const Interval *interval)
{
	if (funnel_interval_is_infinite(interval))
		return get_float8_infinity();
	return (double) interval_span(interval) / DAY_MICROSECONDS;
}

static void
check_positive(const Interval *interval, const char *name, const char *hint)
{
	if (interval_span(interval) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a positive interval", name),
				 errdetail("It is %s.",
						   DatumGetCString(DirectFunctionCall1(interval_out,
															   IntervalPGetDatum(interval)))),
				 errhint("%s", hint)));
}

const Interval *
arg_interval(FunctionCallInfo fcinfo, int n, const char *name)
{
	const Interval *interval;

	arg_not_null(fcinfo, n, name);
	interval = PG_GETARG_INTERVAL_P(n);
	check_positive(interval, name, "Write it as '2 days' or '36 hours'.");
	return interval;
}

uint64
arg_limit(FunctionCallInfo fcinfo, int n, const char *name)
{
	const Interval *interval;

	if (PG_ARGISNULL(n))
		return NO_LIMIT;
	interval = PG_GETARG_INTERVAL_P(n);
	check_positive(interval, name,
				   psprintf("Leave \"%s\" out, or pass NULL, for no limit.", name));
	return interval_limit(interval);
}

text *
arg_text(FunctionCallInfo fcinfo, int n, const char *name)
{
	arg_not_null(fcinfo, n, name);
	return PG_GETARG_TEXT_PP(n);
}

text **
arg_texts(FunctionCallInfo fcinfo, int n, const char *name, int min, int *count)
{
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	text	  **texts;

	arg_not_null(fcinfo, n, name);
	array = PG_GETARG_ARRAYTYPE_P(n);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("argument \"%s\" must be a one-dimensional array", name),
				 errhint("Write it as '{mql,sal,sql}' or ARRAY['mql', 'sal', 'sql'].")));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls,
					  count);
	if (*count < min)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" has no elements", name),
				 errhint("Name at least one stage, as in '{mql,sal,sql}'.")));
	texts = palloc(Max(*count, 1) * sizeof(text *));
	for (int i = 0; i < *count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" has a null element", name),
					 errdetail("Element %d is null.", i + 1),
					 errhint("Write a name in each element.")));
		texts[i] = DatumGetTextPP(elements[i]);
	}
	return texts;
}

/* What is kept in fn_extra. */
typedef struct CallSite
{
	List	   *warned;			/* labels it has warned of: s or c, and the text */
	const Calendar *calendar;
} CallSite;

static CallSite *
call_site(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt,
														  sizeof(CallSite));
	return fcinfo->flinfo->fn_extra;
}

const Calendar *
arg_calendar(FunctionCallInfo fcinfo, int n, const LeadStream *stream, int64 as_of)
{
	CallSite   *site;
	const Calendar *kept;
	int64		first = 0;
	int64		last = 0;

	if (PG_ARGISNULL(n))
		return NULL;
	if (stream->stats.events > 0)
	{
		/* what comes at as_of or later is not measured; forever is told apart */
		first = stream->stats.first_at;
		last = as_of == DT_NOEND ? stream->stats.last_at : Max(first, as_of);
	}
	site = call_site(fcinfo);
	kept = site->calendar;
	site->calendar = NULL;		/* in case of an error it is gone */
	site->calendar = calendar_reopen(kept, text_to_cstring(PG_GETARG_TEXT_PP(n)),
									 first, last, fcinfo->flinfo->fn_mcxt);
	return site->calendar;
}

#define LABELS_NAMED	20
#define MAX_WARNINGS	100		/* of one call site */

/* Has this call site warned of the label before? If not, it has now. */
static bool
warned_before(FunctionCallInfo fcinfo, bool touch, text *label)
{
	CallSite   *site = call_site(fcinfo);
	char	   *name = psprintf("%c%s", touch ? 'c' : 's', text_to_cstring(label));
	MemoryContext old;
	ListCell   *cell;

	if (list_length(site->warned) >= MAX_WARNINGS)
		return true;
	foreach(cell, site->warned)
		if (strcmp(lfirst(cell), name) == 0)
			return true;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	site->warned = lappend(site->warned, pstrdup(name));
	MemoryContextSwitchTo(old);
	return false;
}

static uint32
find_text(LeadStream *stream, bool touch, text *label)
{
	return lead_stream_find(stream, touch, VARDATA_ANY(label),
							(uint32) VARSIZE_ANY_EXHDR(label));
}

char *
labels_named(LeadStream *stream, bool touch)
{
	StringInfoData names;
	uint32		first = touch ? stream->nstages : 0;
	uint32		end = touch ? stream->nlabels : stream->nstages;

	initStringInfo(&names);
	for (uint32 i = first; i < end && i < first + LABELS_NAMED; i++)
	{
		appendStringInfoString(&names, i > first ? ", " : "");
		appendBinaryStringInfo(&names, stream->labels[i].bytes,
							   (int) stream->labels[i].len);
	}
	if (first == end)
		appendStringInfoString(&names, "none");
	else if (end - first > LABELS_NAMED)
		appendStringInfoString(&names, " and others");
	return names.data;
}

/* Warns that a label occurs nowhere in a cohort, or in neither of two. */
static void
warn_missing(FunctionCallInfo fcinfo, LeadStream *a, LeadStream *b, bool touch, text *label)
{
	const char *what = touch ? "channel" : "stage";

	if (fcinfo == NULL || (a->stats.events == 0 && (b == NULL || b->stats.events == 0)) ||
		warned_before(fcinfo, touch, label))
		return;
	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("%s \"%s\" does not occur in %s", what, text_to_cstring(label),
					b == NULL ? "the cohort" : "either cohort"),
			 b == NULL && (touch ? a->nstages == a->nlabels : a->nstages == 0) ?
			 errdetail("The cohort has no %s.", touch ? "touches" : "stage events") :
			 b == NULL ? errdetail("Its %ss are: %s.", what, labels_named(a, touch)) :
			 errdetail("The %ss of one are: %s; those of the other: %s.", what,
					   labels_named(a, touch), labels_named(b, touch)),
			 errhint("%s names are compared as they are written, including case.",
					 touch ? "Channel" : "Stage")));
}

uint32
find_stage(FunctionCallInfo fcinfo, LeadStream *stream, text *stage)
{
	uint32		code = find_text(stream, false, stage);

	if (code == stream->nlabels)
		warn_missing(fcinfo, stream, NULL, false, stage);
	return code;
}

uint32
find_channel(FunctionCallInfo fcinfo, LeadStream *stream, text *channel)
{
	uint32		code = find_text(stream, true, channel);

	if (code == stream->nlabels)
		warn_missing(fcinfo, stream, NULL, true, channel);
	return code;
}

void
check_stage_of_either(FunctionCallInfo fcinfo, LeadStream *a, LeadStream *b, text *stage)
{
	if (find_text(a, false, stage) == a->nlabels && find_text(b, false, stage) == b->nlabels)
		warn_missing(fcinfo, a, b, false, stage);
}
