/*
 * source_values.c
 *	  The SQL functions that read values as CRM exports and warehouse syncs
 *	  write them in text columns: read_time(), read_amount(), read_flag(),
 *	  read_ids(), read_key(), read_label() and label_key().
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/formatting.h"
#include "utils/timestamp.h"

#include "compat.h"

PG_FUNCTION_INFO_V1(funnel_label_key);
PG_FUNCTION_INFO_V1(funnel_read_amount);
PG_FUNCTION_INFO_V1(funnel_read_epoch);
PG_FUNCTION_INFO_V1(funnel_read_flag);
PG_FUNCTION_INFO_V1(funnel_read_ids);
PG_FUNCTION_INFO_V1(funnel_read_key);
PG_FUNCTION_INFO_V1(funnel_read_key_of_float);
PG_FUNCTION_INFO_V1(funnel_read_label);
PG_FUNCTION_INFO_V1(funnel_read_time);

/*
 * Milliseconds since 1970 have 13 digits from 2001 to 2286, and no other way
 * to write a time has: not seconds, days such as 20240131, minutes or seconds
 * such as 20240131100000. The year 9999 is what an open end is written as.
 */
#define EPOCH_MIN INT64CONST(1000000000000)
#define EPOCH_MAX INT64CONST(9999999999999)
#define EPOCH_OPEN_MIN INT64CONST(253370764800000)
#define EPOCH_OPEN_MAX INT64CONST(253402300799999)
#define EPOCH_DIGITS 15

/* of a value that is too long for a message */
#define SHOWN_MAX 60

typedef struct Reader
{
	const char *at;
	const char *end;
} Reader;

/* The time zones that a call site named last. */
typedef struct Zones
{
	char day_name[TZ_STRLEN_MAX + 1];
	char clock_name[TZ_STRLEN_MAX + 1];
	pg_tz *day;
	pg_tz *clock;
} Zones;

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
trim(Reader *reader)
{
	while (reader->at < reader->end && is_blank(*reader->at))
		reader->at++;
	while (reader->at < reader->end && is_blank(reader->end[-1]))
		reader->end--;
}

/* A text without the blanks around it. */
static Reader
trimmed(text *value)
{
	Reader reader;

	reader.at = VARDATA_ANY(value);
	reader.end = reader.at + VARSIZE_ANY_EXHDR(value);
	trim(&reader);
	return reader;
}

/* The text that is read, for a message. */
static char *
shown(Reader reader)
{
	size_t len = reader.end - reader.at;

	if (len <= SHOWN_MAX)
		return pnstrdup(reader.at, len);
	len = pg_mbcliplen(reader.at, SHOWN_MAX + MAX_MULTIBYTE_CHAR_LEN, SHOWN_MAX);
	return psprintf("%.*s...", (int) len, reader.at);
}

static void
refuse_time(const char *value)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INVALID_DATETIME_FORMAT), errmsg("cannot read \"%s\" as a time", value),
		 errhint(
			 "Days are read as 2024-01-31, times as 2024-01-31 10:00:00 or 2024-01-31T10:00:00.000+0100, and milliseconds since 1970 "
			 "as 1706695200000. Where a source writes others, give a view of it that converts them.")));
}

static bool
skip_char(Reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static bool
skip_word(Reader *reader, const char *word)
{
	size_t len = strlen(word);

	if ((size_t) (reader->end - reader->at) < len || pg_strncasecmp(reader->at, word, len) != 0)
		return false;
	reader->at += len;
	return true;
}

/* A number of min to max digits. */
static bool
read_number(Reader *reader, int min, int max, int *number)
{
	int digits = 0;

	*number = 0;
	while (digits < max && reader->at < reader->end && is_digit(*reader->at))
	{
		*number = *number * 10 + (*reader->at++ - '0');
		digits++;
	}
	return digits >= min;
}

/* Microseconds of a second; further digits are cut off, as those of nanoseconds. */
static bool
read_fraction(Reader *reader, fsec_t *fsec)
{
	int digits = 0;

	*fsec = 0;
	for (; reader->at < reader->end && is_digit(*reader->at); reader->at++, digits++)
	{
		if (digits < 6)
			*fsec = *fsec * 10 + (*reader->at - '0');
	}
	if (digits == 0)
		return false;
	for (; digits < 6; digits++)
		*fsec *= 10;
	return true;
}

/* Z, UTC, GMT, +01, +0100 or +01:00; seconds west of Greenwich, as PostgreSQL counts. */
static bool
read_offset(Reader *reader, int *west)
{
	int hours;
	int minutes = 0;
	bool ahead;

	*west = 0;
	if (skip_word(reader, "UTC") || skip_word(reader, "GMT") || skip_word(reader, "Z"))
		return true;
	ahead = skip_char(reader, '+');
	if (!ahead && !skip_char(reader, '-'))
		return false;
	if (!read_number(reader, 2, 2, &hours))
		return false;
	if (skip_char(reader, ':') || (reader->at < reader->end && is_digit(*reader->at)))
	{
		if (!read_number(reader, 2, 2, &minutes))
			return false;
	}
	if (hours > 15 || minutes > 59)
		return false;
	*west = (hours * 60 + minutes) * 60;
	if (ahead)
		*west = -*west;
	return true;
}

static bool
is_epoch(int64 milliseconds)
{
	return (milliseconds >= EPOCH_MIN && milliseconds <= EPOCH_MAX) ||
		   (milliseconds >= EPOCH_OPEN_MIN && milliseconds <= EPOCH_OPEN_MAX);
}

/* Milliseconds since 1970. */
static bool
read_epoch(const Reader *text, TimestampTz *at)
{
	int64 milliseconds = 0;

	if (text->end - text->at > EPOCH_DIGITS)
		return false;
	for (const char *p = text->at; p < text->end; p++)
	{
		if (!is_digit(*p))
			return false;
		milliseconds = milliseconds * 10 + (*p - '0');
	}
	if (!is_epoch(milliseconds))
		return false;
	*at = milliseconds * 1000 - (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
	return true;
}

static bool
read_iso(Reader *reader, pg_tz *day_zone, pg_tz *clock_zone, TimestampTz *at)
{
	struct pg_tm tm = {0};
	fsec_t fsec = 0;
	pg_tz *zone = day_zone;
	int west = 0;
	bool has_offset = false;

	if (!read_number(reader, 4, 4, &tm.tm_year) || !skip_char(reader, '-') ||
		!read_number(reader, 2, 2, &tm.tm_mon) || !skip_char(reader, '-') ||
		!read_number(reader, 2, 2, &tm.tm_mday))
		return false;
	if (tm.tm_year < 1 || tm.tm_mon < 1 || tm.tm_mon > MONTHS_PER_YEAR || tm.tm_mday < 1 ||
		tm.tm_mday > day_tab[isleap(tm.tm_year)][tm.tm_mon - 1])
		return false;
	if (reader->at < reader->end)
	{
		zone = clock_zone;
		if (!skip_char(reader, 'T') && !skip_char(reader, 't'))
		{
			if (!is_blank(*reader->at))
				return false;
			while (is_blank(*reader->at))
				reader->at++;
		}
		if (!read_number(reader, 1, 2, &tm.tm_hour) || !skip_char(reader, ':') ||
			!read_number(reader, 2, 2, &tm.tm_min))
			return false;
		if (skip_char(reader, ':'))
		{
			if (!read_number(reader, 2, 2, &tm.tm_sec))
				return false;
			if ((skip_char(reader, '.') || skip_char(reader, ',')) && !read_fraction(reader, &fsec))
				return false;
		}
		if (tm.tm_hour >= HOURS_PER_DAY || tm.tm_min >= MINS_PER_HOUR ||
			tm.tm_sec > SECS_PER_MINUTE)
			return false;
		while (reader->at < reader->end && is_blank(*reader->at))
			reader->at++;
		if (reader->at < reader->end)
		{
			has_offset = true;
			if (!read_offset(reader, &west))
				return false;
		}
		if (reader->at != reader->end)
			return false;
	}
	if (!has_offset)
	{
		tm.tm_isdst = -1;
		west = DetermineTimeZoneOffset(&tm, zone);
	}
	return tm2timestamp(&tm, fsec, &west, at) == 0 && IS_VALID_TIMESTAMP(*at);
}

/* The zone of a name, kept for the call site. */
static pg_tz *
named_zone(text *name, char *kept_name, pg_tz **kept)
{
	int len = VARSIZE_ANY_EXHDR(name);

	if (*kept == NULL || strncmp(kept_name, VARDATA_ANY(name), len) != 0 || kept_name[len] != '\0')
	{
		char *asked = text_to_cstring(name);
		pg_tz *zone = pg_tzset(asked);

		if (zone == NULL || !pg_tz_acceptable(zone) || len > TZ_STRLEN_MAX)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("time zone \"%s\" not recognized", shown(trimmed(name))),
							errhint("View pg_timezone_names lists what there is.")));
		strlcpy(kept_name, asked, TZ_STRLEN_MAX + 1);
		*kept = zone;
		pfree(asked);
	}
	return *kept;
}

/*
 * funnel.read_label(value text) RETURNS text
 *
 * Without blanks around it; NULL if nothing is left.
 */
Datum
funnel_read_label(PG_FUNCTION_ARGS)
{
	text *label = PG_GETARG_TEXT_PP(0);
	const char *at = VARDATA_ANY(label);
	const char *end = at + VARSIZE_ANY_EXHDR(label);

	if (at < end && !is_blank(*at) && !is_blank(end[-1]))
		PG_RETURN_TEXT_P(label);
	while (at < end && is_blank(*at))
		at++;
	while (at < end && is_blank(end[-1]))
		end--;
	if (at == end)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(at, end - at));
}

/*
 * funnel.label_key(label text) RETURNS text
 *
 * Trimmed and in lower case; most labels are plain ASCII, for which no locale
 * has to be asked.
 */
Datum
funnel_label_key(PG_FUNCTION_ARGS)
{
	text *label = PG_GETARG_TEXT_PP(0);
	const char *at = VARDATA_ANY(label);
	const char *end = at + VARSIZE_ANY_EXHDR(label);
	text *result;
	char *out;
	bool is_ascii = true;

	while (at < end && is_blank(*at))
		at++;
	while (at < end && is_blank(end[-1]))
		end--;
	result = palloc(VARHDRSZ + (end - at));
	SET_VARSIZE(result, VARHDRSZ + (end - at));
	out = VARDATA(result);
	for (const char *p = at; p < end; p++)
	{
		is_ascii = is_ascii && !IS_HIGHBIT_SET(*p);
		*out++ = (*p >= 'A' && *p <= 'Z') ? *p + ('a' - 'A') : *p;
	}
	if (!is_ascii)
	{
		char *lower = str_tolower(at, end - at, DEFAULT_COLLATION_OID);

		pfree(result);
		result = cstring_to_text(lower);
		pfree(lower);
	}
	PG_RETURN_TEXT_P(result);
}

/*
 * funnel.read_time(value text, day_zone text, clock_zone text) RETURNS timestamptz
 *
 * Only forms that say the same everywhere: the result depends on no setting of
 * the session.
 */
Datum
funnel_read_time(PG_FUNCTION_ARGS)
{
	text *value = PG_GETARG_TEXT_PP(0);
	Zones *zones = fcinfo->flinfo->fn_extra;
	Reader reader = trimmed(value);
	Reader copy;
	TimestampTz at;

	if (zones == NULL)
	{
		zones = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Zones));
		fcinfo->flinfo->fn_extra = zones;
	}
	if (reader.at == reader.end)
		PG_RETURN_NULL();

	copy = reader;
	if (skip_word(&copy, "infinity") && copy.at == copy.end)
		PG_RETURN_TIMESTAMPTZ(DT_NOEND);
	copy = reader;
	if (read_epoch(&copy, &at) ||
		read_iso(&copy, named_zone(PG_GETARG_TEXT_PP(1), zones->day_name, &zones->day),
				 named_zone(PG_GETARG_TEXT_PP(2), zones->clock_name, &zones->clock), &at))
		PG_RETURN_TIMESTAMPTZ(at);

	refuse_time(shown(reader));
	PG_RETURN_NULL();
}

/*
 * funnel.read_time(milliseconds double precision) RETURNS timestamptz
 *
 * Milliseconds since 1970 in a column of numbers.
 */
Datum
funnel_read_epoch(PG_FUNCTION_ARGS)
{
	double milliseconds = PG_GETARG_FLOAT8(0);

	if (!(milliseconds >= EPOCH_MIN && milliseconds < EPOCH_OPEN_MAX + 1) || !is_epoch((int64) milliseconds))
		refuse_time(DatumGetCString(DirectFunctionCall1(float8out, Float8GetDatum(milliseconds))));
	PG_RETURN_TIMESTAMPTZ((TimestampTz) rint(milliseconds * 1000) -
						  (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY);
}

/* Digits, a fraction, an exponent: what one way of writing numbers only can mean. */
static bool
is_number(Reader text)
{
	int ignored;
	bool has_digits = false;

	if (!skip_char(&text, '-'))
		skip_char(&text, '+');
	for (; text.at < text.end && is_digit(*text.at); text.at++)
		has_digits = true;
	if (skip_char(&text, '.'))
	{
		for (; text.at < text.end && is_digit(*text.at); text.at++)
			has_digits = true;
	}
	if (has_digits && skip_word(&text, "e"))
	{
		if (!skip_char(&text, '-'))
			skip_char(&text, '+');
		has_digits = read_number(&text, 1, 4, &ignored);
	}
	return has_digits && text.at == text.end;
}

/*
 * funnel.read_amount(value text, "column" text) RETURNS numeric
 *
 * NULL if it is blank.
 */
Datum
funnel_read_amount(PG_FUNCTION_ARGS)
{
	Reader reader = trimmed(PG_GETARG_TEXT_PP(0));

	if (reader.at == reader.end)
		PG_RETURN_NULL();
	if (!is_number(reader))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("cannot read \"%s\" of column \"%s\" as an amount", shown(reader),
						text_to_cstring(PG_GETARG_TEXT_PP(1))),
				 errhint("Amounts are read as 1200.50. Where a source writes others, give a view of it that converts them.")));
	PG_RETURN_DATUM(DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(reader.at, reader.end - reader.at)),
										ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/*
 * funnel.read_flag(value text, "column" text) RETURNS boolean
 *
 * What PostgreSQL reads as a boolean; NULL if it is blank.
 */
Datum
funnel_read_flag(PG_FUNCTION_ARGS)
{
	Reader reader = trimmed(PG_GETARG_TEXT_PP(0));
	bool flag;

	if (reader.at == reader.end)
		PG_RETURN_NULL();
	if (!parse_bool_with_len(reader.at, reader.end - reader.at, &flag))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("cannot read \"%s\" of column \"%s\" as true or false", shown(reader),
						text_to_cstring(PG_GETARG_TEXT_PP(1))),
				 errhint("Flags are read as true or false, yes or no, 1 or 0. "
						 "Where a source writes others, give a view of it that converts them.")));
	PG_RETURN_BOOL(flag);
}

/* Cuts off a mark and what follows it, if that is nothing but digits up to highest. */
static void
cut_suffix(Reader *id, char mark, char highest)
{
	const char *digits = id->end;

	while (digits > id->at && digits[-1] >= '0' && digits[-1] <= highest)
		digits--;
	if (digits > id->at && digits < id->end && digits[-1] == mark)
		id->end = digits - 1;
}

/* Tools that have no integer for what is missing write 12 as 12.0. */
static void
cut_fraction(Reader *id)
{
	Reader whole = *id;

	cut_suffix(&whole, '.', '0');
	for (const char *p = whole.at; p < whole.end; p++)
	{
		if (!is_digit(*p))
			return;
	}
	if (whole.at < whole.end)
		*id = whole;
}

/* Is it an integer that bigint holds, without a sign? */
static bool
is_id_number(Reader id)
{
	int64 number = 0;

	for (; id.at < id.end; id.at++)
	{
		if (!is_digit(*id.at) || pg_mul_s64_overflow(number, 10, &number) ||
			pg_add_s64_overflow(number, *id.at - '0', &number))
			return false;
	}
	return true;
}

/*
 * funnel.read_key(value text) RETURNS text
 *
 * Without blanks around it, and 12 where 12.0 is written; NULL if nothing is
 * left.
 */
Datum
funnel_read_key(PG_FUNCTION_ARGS)
{
	text *value = PG_GETARG_TEXT_PP(0);
	Reader key = trimmed(value);

	cut_fraction(&key);
	if (key.at == key.end)
		PG_RETURN_NULL();
	if ((size_t) (key.end - key.at) == VARSIZE_ANY_EXHDR(value))
		PG_RETURN_TEXT_P(value);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(key.at, key.end - key.at));
}

/*
 * funnel.read_key(value double precision) RETURNS text
 *
 * All digits of an integer, of others the fewest that tell the number: the
 * output function asks the session how many to write.
 */
Datum
funnel_read_key_of_float(PG_FUNCTION_ARGS)
{
	double value = PG_GETARG_FLOAT8(0);
	char written[DOUBLE_SHORTEST_DECIMAL_LEN];

	if (value == rint(value) && fabs(value) < 1e18)
		PG_RETURN_TEXT_P(cstring_to_text(psprintf(INT64_FORMAT, (int64) value)));
	double_to_shortest_decimal_buf(value, written);
	PG_RETURN_TEXT_P(cstring_to_text(written));
}

/*
 * funnel.read_ids(value text, "column" text, are_numbers boolean) RETURNS text[]
 *
 * What stands between blanks, commas, semicolons, brackets, braces and quotes:
 * 12;13 and [12, 13] and {12,13}; without the time that 12:1706695200000 has
 * and the fraction that 12.0 has.
 */
Datum
funnel_read_ids(PG_FUNCTION_ARGS)
{
	Reader reader = trimmed(PG_GETARG_TEXT_PP(0));
	bool are_numbers = PG_GETARG_BOOL(2);
	ArrayBuildState *ids = NULL;

	while (reader.at < reader.end)
	{
		Reader id;

		id.at = reader.at;
		while (reader.at < reader.end && !is_blank(*reader.at) && strchr(",;[]{}\"'", *reader.at) == NULL)
			reader.at++;
		id.end = reader.at;
		if (reader.at < reader.end)
			reader.at++;
		cut_suffix(&id, ':', '9');
		cut_fraction(&id);
		if (id.at == id.end || (id.end - id.at == 4 && pg_strncasecmp(id.at, "null", 4) == 0))
			continue;
		if (are_numbers && !is_id_number(id))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("cannot read \"%s\" in column \"%s\" as the number of a record", shown(id),
							text_to_cstring(PG_GETARG_TEXT_PP(1))),
					 errhint("Lists are read as 12;13 or [12, 13]. "
							 "Where a source writes others, give a view of it that converts them.")));
		ids = accumArrayResult(ids, PointerGetDatum(cstring_to_text_with_len(id.at, id.end - id.at)), false,
							   TEXTOID, CurrentMemoryContext);
	}
	if (ids == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(makeArrayResult(ids, CurrentMemoryContext));
}
