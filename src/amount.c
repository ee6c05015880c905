/*
 * amount.c
 *	  Numeric and other SQL values to amounts and back, order and sums.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#include "amount.h"
#include "compat.h"

#define SMALL_LIMIT		INT64CONST(1000000000000000000)	/* 10^18 */

static const int64 power10[AMOUNT_MAX_SCALE + 1] = {
	INT64CONST(1), INT64CONST(10), INT64CONST(100), INT64CONST(1000),
	INT64CONST(10000), INT64CONST(100000), INT64CONST(1000000),
	INT64CONST(10000000), INT64CONST(100000000), INT64CONST(1000000000),
	INT64CONST(10000000000), INT64CONST(100000000000),
	INT64CONST(1000000000000), INT64CONST(10000000000000),
	INT64CONST(100000000000000), INT64CONST(1000000000000000),
	INT64CONST(10000000000000000), INT64CONST(100000000000000000),
	INT64CONST(1000000000000000000)
};

void
amount_reader_init(AmountReader *reader, Oid type)
{
	reader->cstring = (type == UNKNOWNOID || type == CSTRINGOID);
	reader->type = OidIsValid(type) ? getBaseType(type) : InvalidOid;
	switch (reader->type)
	{
		case NUMERICOID:
		case FLOAT8OID:
		case FLOAT4OID:
		case INT8OID:
		case INT4OID:
		case INT2OID:
			return;
		default:
			if (!reader->cstring)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg("an amount cannot be of type %s",
								format_type_be(type)),
						 errhint("Pass a numeric, an integer or a double precision value, or cast the argument to numeric.")));
	}
}

static void
amount_from_int64(Amount *amount, int64 value)
{
	if (value > -SMALL_LIMIT && value < SMALL_LIMIT)
	{
		amount->kind = AMOUNT_SMALL;
		amount->mantissa = value;
		amount->scale = 0;
		amount->text = NULL;
		amount->len = 0;
	}
	else
		amount_from_numeric(amount,
							DirectFunctionCall1(int8_numeric, Int64GetDatum(value)));
}

void
amount_read(AmountReader *reader, Datum value, Amount *amount)
{
	if (reader->cstring)
		value = DirectFunctionCall3(numeric_in, value,
									ObjectIdGetDatum(InvalidOid),
									Int32GetDatum(-1));
	else
		switch (reader->type)
		{
			case INT8OID:
				amount_from_int64(amount, DatumGetInt64(value));
				return;
			case INT4OID:
				amount_from_int64(amount, DatumGetInt32(value));
				return;
			case INT2OID:
				amount_from_int64(amount, DatumGetInt16(value));
				return;
			case FLOAT8OID:
				value = DirectFunctionCall1(float8_numeric, value);
				break;
			case FLOAT4OID:
				value = DirectFunctionCall1(float4_numeric, value);
				break;
			default:
				break;
		}
	amount_from_numeric(amount, value);
}

/*
 * The stored form of numeric is private to numeric.c, but as it is what lies
 * on disk it cannot change within reach of pg_upgrade: a 16-bit header; its
 * two top bits say long positive, long negative, short or special; digits of
 * base 10,000, the first weighing 10000^weight. Reading it here saves the
 * allocation and the formatting of numeric_send() for every row. Assert
 * builds check the result against numeric itself.
 */
static bool
small_from_numeric(struct varlena *num, int64 *mantissa, int *scale)
{
	const char *p = VARDATA_ANY(num);
	int			size = VARSIZE_ANY_EXHDR(num);
	uint16		header;
	bool		negative;
	int			weight;
	int			ndigits;
	int			exponent;
	int128		v = 0;

	memcpy(&header, p, 2);
	p += 2;
	size -= 2;
	if ((header & 0xC000) == 0xC000)
		return false;			/* NaN, infinities */
	if (header & 0x8000)
	{
		negative = (header & 0x2000) != 0;
		*scale = (header & 0x1F80) >> 7;
		weight = (header & 0x003F) - (header & 0x0040);
	}
	else
	{
		int16		w;

		memcpy(&w, p, 2);
		p += 2;
		size -= 2;
		negative = (header & 0x4000) != 0;
		*scale = header & 0x3FFF;
		weight = w;
	}
	ndigits = size / 2;
	if (*scale > AMOUNT_MAX_SCALE || ndigits > 6)
		return false;
	for (int i = 0; i < ndigits; i++)
	{
		int16		digit;

		memcpy(&digit, p + 2 * i, 2);
		v = v * 10000 + digit;
	}
	if (v != 0)
	{
		/* v is in units of 10000^(weight - ndigits + 1) */
		exponent = 4 * (weight - ndigits + 1) + *scale;
		for (; exponent > 0 && v < SMALL_LIMIT; exponent--)
			v *= 10;
		for (; exponent < 0; exponent++)
		{
			if (v % 10 != 0)
				return false;	/* digits below the scale: cannot be */
			v /= 10;
		}
		if (exponent > 0 || v >= SMALL_LIMIT)
			return false;
	}
	*mantissa = negative ? -(int64) v : (int64) v;
	return true;
}

void
amount_from_numeric(Amount *amount, Datum numeric)
{
	struct varlena *num = PG_DETOAST_DATUM_PACKED(numeric);
	int			scale;

	if (small_from_numeric(num, &amount->mantissa, &scale))
	{
		amount->kind = AMOUNT_SMALL;
		amount->scale = (uint8) scale;
		amount->text = NULL;
		amount->len = 0;
#ifdef USE_ASSERT_CHECKING
		{
			char	   *a = DatumGetCString(DirectFunctionCall1(numeric_out, numeric));
			char	   *b = DatumGetCString(DirectFunctionCall1(numeric_out,
																amount_numeric(amount)));

			Assert(strcmp(a, b) == 0);
		}
#endif
	}
	else
	{
		amount->kind = AMOUNT_TEXT;
		amount->mantissa = 0;
		amount->scale = 0;
		amount->text = DatumGetCString(DirectFunctionCall1(numeric_out, numeric));
		amount->len = (uint32) strlen(amount->text);
	}
}

static Datum
numeric_from_int128(int128 value, int scale)
{
	char		buf[64];
	char	   *p = buf + sizeof(buf);
	bool		negative = value < 0;
	/* negated in unsigned, so that the smallest value works too */
	uint128		v = negative ? 0 - (uint128) value : (uint128) value;
	int			digits = 0;

	*--p = '\0';
	while (v != 0 || digits <= scale)
	{
		if (digits == scale && scale > 0)
			*--p = '.';
		*--p = (char) ('0' + (int) (v % 10));
		v /= 10;
		digits++;
	}
	if (negative)
		*--p = '-';
	return DirectFunctionCall3(numeric_in, CStringGetDatum(p),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

Datum
amount_numeric(const Amount *amount)
{
	char	   *text;
	Datum		result;

	if (amount->kind == AMOUNT_SMALL)
		return numeric_from_int128(amount->mantissa, amount->scale);
	text = pnstrdup(amount->text, amount->len);
	result = DirectFunctionCall3(numeric_in, CStringGetDatum(text),
								 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	pfree(text);
	return result;
}

bool
amount_is_canonical(const Amount *amount)
{
	Datum		numeric;
	Amount		again;
	bool		same;

	if (amount->kind != AMOUNT_TEXT)
		return true;
	numeric = amount_numeric(amount);
	amount_from_numeric(&again, numeric);
	same = again.kind == AMOUNT_TEXT && again.len == amount->len &&
		memcmp(again.text, amount->text, again.len) == 0;
	if (again.kind == AMOUNT_TEXT)
		pfree(unconstify(char *, again.text));
	pfree(DatumGetPointer(numeric));
	return same;
}

int
amount_cmp(const Amount *a, const Amount *b)
{
	if (a->kind == AMOUNT_NONE || b->kind == AMOUNT_NONE)
		return (a->kind == AMOUNT_NONE) - (b->kind == AMOUNT_NONE);
	if (a->kind == AMOUNT_SMALL && b->kind == AMOUNT_SMALL)
	{
		/* below 10^18 each: to scale them up to 10^36 is safe */
		int128		x = (int128) a->mantissa * power10[AMOUNT_MAX_SCALE - a->scale];
		int128		y = (int128) b->mantissa * power10[AMOUNT_MAX_SCALE - b->scale];

		if (x != y)
			return x < y ? -1 : 1;
		return (int) a->scale - (int) b->scale;
	}
	else
	{
		Datum		x,
					y;
		int			c;

		/* one text is one amount; this also settles NaN and the infinities */
		if (a->kind == b->kind && a->len == b->len &&
			memcmp(a->text, b->text, a->len) == 0)
			return 0;
		x = amount_numeric(a);
		y = amount_numeric(b);
		c = DatumGetInt32(DirectFunctionCall2(numeric_cmp, x, y));
		if (c == 0)
			c = DatumGetInt32(DirectFunctionCall1(numeric_scale, x)) -
				DatumGetInt32(DirectFunctionCall1(numeric_scale, y));
		/* sorts compare often: nothing may be left behind */
		pfree(DatumGetPointer(x));
		pfree(DatumGetPointer(y));
		return c;
	}
}

void
amount_sum_add(AmountSum *sum, const Amount *amount)
{
	if (amount->kind == AMOUNT_NONE)
		return;
	sum->count++;
	if (amount->kind == AMOUNT_SMALL)
	{
		sum->scaled[amount->scale] = true;
		sum->sum[amount->scale] += amount->mantissa;
	}
	else
	{
		Datum		n = amount_numeric(amount);
		Datum		before = sum->other;

		if (before == 0)
			sum->other = n;
		else
		{
			sum->other = DirectFunctionCall2(numeric_add, before, n);
			pfree(DatumGetPointer(before));
			pfree(DatumGetPointer(n));
		}
	}
}

bool
amount_sum_numeric(const AmountSum *sum, Datum *numeric)
{
	Datum		total = sum->other;

	if (sum->count == 0)
		return false;
	for (int scale = 0; scale <= AMOUNT_MAX_SCALE; scale++)
	{
		Datum		n;

		if (!sum->scaled[scale])
			continue;
		n = numeric_from_int128(sum->sum[scale], scale);
		total = total == 0 ? n : DirectFunctionCall2(numeric_add, total, n);
	}
	*numeric = total;
	return true;
}
