/*
 * key.c
 *	  Text forms to keys and back, and the reading of SQL values as keys.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "bytes.h"
#include "compat.h"
#include "key.h"

/* The 64 characters of KEY_PACKED, in byte order, so that packing keeps it. */
static const char packed_chars[64 + 1] =
"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

#define PACKED_NONE	0xFF

static uint8 packed_code[256];

static void
init_packed_code(void)
{
	memset(packed_code, PACKED_NONE, sizeof(packed_code));
	for (int i = 0; i < 64; i++)
		packed_code[(unsigned char) packed_chars[i]] = (uint8) i;
}

/* Canonical decimal int64: no leading zeros, no plus, no minus zero. */
static bool
parse_int(const char *s, Size len, int64 *value)
{
	bool		negative = len > 0 && s[0] == '-';
	Size		i = negative ? 1 : 0;
	uint64		v = 0;

	if (len - i < 1 || len - i > 19 || len < i + 1)
		return false;
	if (s[i] == '0' && (negative || len > 1))
		return false;
	for (; i < len; i++)
	{
		unsigned	d = (unsigned char) s[i] - '0';

		if (d > 9)
			return false;
		v = v * 10 + d;			/* 19 digits fit into 64 bits */
	}
	if (v > (uint64) PG_INT64_MAX + (negative ? 1 : 0))
		return false;
	*value = negative ? (int64) (0 - v) : (int64) v;
	return true;
}

/* Four characters to 24 bits; none of it depends on the one before. */
static inline uint64
pack_four(const char *s, uint8 *bad)
{
	uint8		c0 = packed_code[(unsigned char) s[0]];
	uint8		c1 = packed_code[(unsigned char) s[1]];
	uint8		c2 = packed_code[(unsigned char) s[2]];
	uint8		c3 = packed_code[(unsigned char) s[3]];

	*bad |= c0 | c1 | c2 | c3;
	return (uint64) (c0 & 63) << 18 | (uint64) (c1 & 63) << 12 |
		(uint64) (c2 & 63) << 6 | (uint64) (c3 & 63);
}

static bool
parse_packed(const char *s, Size len, uint64 *hi, uint64 *lo)
{
	uint64		four[KEY_PACKED_MAX / 4 + 1] = {0};
	uint8		bad = 0;
	Size		i;

	if (len > KEY_PACKED_MAX)
		return false;
	for (i = 0; i + 4 <= len; i += 4)
		four[i / 4] = pack_four(s + i, &bad);
	if (i < len)
	{
		char		rest[4] = {packed_chars[0], packed_chars[0], packed_chars[0], packed_chars[0]};

		for (Size j = i; j < len; j++)
			rest[j - i] = s[j];
		four[i / 4] = pack_four(rest, &bad);
	}
	if (bad & 0x80)
		return false;
	*hi = four[0] << 40 | four[1] << 16 | four[2] >> 8;
	*lo = four[2] << 56 | four[3] << 32 | four[4] << 8 | (uint64) len;
	return true;
}

static inline int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static bool
parse_uuid(const char *s, Size len, uint64 *hi, uint64 *lo)
{
	uint64		w[2] = {0, 0};
	int			digits = 0;

	if (len != 36)
		return false;
	for (int i = 0; i < 36; i++)
	{
		int			d;

		if (i == 8 || i == 13 || i == 18 || i == 23)
		{
			if (s[i] != '-')
				return false;
			continue;
		}
		d = hex_digit(s[i]);
		if (d < 0)
			return false;
		w[digits / 16] = w[digits / 16] << 4 | (uint64) d;
		digits++;
	}
	*hi = w[0];
	*lo = w[1];
	return true;
}

uint64
bytes_hash(const char *bytes, Size len)
{
	uint64		h = UINT64CONST(0x9E3779B97F4A7C15) ^ (uint64) len;

	while (len >= 8)
	{
		h = (h ^ load_le64(bytes)) * UINT64CONST(0xFF51AFD7ED558CCD);
		h ^= h >> 32;
		bytes += 8;
		len -= 8;
	}
	if (len > 0)
	{
		uint64		tail = 0;

		for (Size i = 0; i < len; i++)
			tail |= (uint64) (unsigned char) bytes[i] << (8 * i);
		h = (h ^ tail) * UINT64CONST(0xFF51AFD7ED558CCD);
		h ^= h >> 32;
	}
	h *= UINT64CONST(0xC4CEB9FE1A85EC53);
	return h ^ h >> 29;
}

void
key_from_text(Key *key, const char *bytes, Size len)
{
	int64		value;

	if (unlikely(packed_code[0] == 0))
		init_packed_code();

	key->bytes = NULL;
	key->len = 0;
	if (len > 0 && (unsigned char) bytes[len - 1] <= '9' &&
		parse_int(bytes, len, &value))
		key_from_int64(key, value);
	else if (parse_packed(bytes, len, &key->hi, &key->lo))
		key->kclass = KEY_PACKED;
	else if (parse_uuid(bytes, len, &key->hi, &key->lo))
		key->kclass = KEY_UUID;
	else
	{
		if (len > KEY_BYTES_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("lead or record key is %zu bytes long", len),
					 errdetail("A key can have at most %d bytes.", KEY_BYTES_MAX),
					 errhint("Pass the column that identifies the lead or the record.")));
		key->hi = bytes_hash(bytes, len);
		key->lo = 0;
		key->bytes = bytes;
		key->len = (uint32) len;
		key->kclass = KEY_TEXT;
	}
}

const char *
key_text(const Key *key, char *buf, uint32 *len)
{
	switch (key->kclass)
	{
		case KEY_INT:
			*len = (uint32) pg_lltoa(key_int64(key), buf);
			return buf;

		case KEY_PACKED:
			{
				uint64		a = key->hi >> 4;
				uint64		b = (key->hi & 15) << 56 | key->lo >> 8;

				*len = Min((uint32) (key->lo & 0xFF), KEY_PACKED_MAX);
				for (uint32 i = 0; i < *len; i++)
					buf[i] = packed_chars[(i < 10 ? a >> (54 - 6 * i)
										   : b >> (54 - 6 * (i - 10))) & 63];
				return buf;
			}

		case KEY_UUID:
			{
				static const char hex[] = "0123456789abcdef";
				char	   *p = buf;

				for (int i = 0; i < 32; i++)
				{
					uint64		w = i < 16 ? key->hi : key->lo;

					if (i == 8 || i == 12 || i == 16 || i == 20)
						*p++ = '-';
					*p++ = hex[w >> (60 - 4 * (i % 16)) & 15];
				}
				*len = 36;
				return buf;
			}

		case KEY_TEXT:
			*len = key->len;
			return key->bytes;

		case KEY_NONE:
			break;
	}
	*len = 0;
	return buf;
}

Datum
key_text_datum(const Key *key)
{
	char		buf[KEY_TEXT_BUF];
	uint32		len;
	const char *bytes = key_text(key, buf, &len);

	return PointerGetDatum(cstring_to_text_with_len(bytes, (int) len));
}

bool
key_is_canonical(const Key *key)
{
	char		buf[KEY_TEXT_BUF];
	uint32		len;
	const char *bytes = key_text(key, buf, &len);
	Key			again;

	key_from_text(&again, bytes, len);
	return key_cmp(key, &again) == 0;
}

int
key_cmp_text(const Key *a, const Key *b)
{
	char		abuf[KEY_TEXT_BUF],
				bbuf[KEY_TEXT_BUF];
	const char *abytes,
			   *bbytes;
	uint32		alen,
				blen;
	int			c;

	if (a->kclass == KEY_NONE || b->kclass == KEY_NONE)
		return (a->kclass == KEY_NONE) - (b->kclass == KEY_NONE);
	abytes = key_text(a, abuf, &alen);
	bbytes = key_text(b, bbuf, &blen);
	c = memcmp(abytes, bbytes, Min(alen, blen));
	if (c != 0)
		return c;
	return (alen > blen) - (alen < blen);
}

/*
 * Output functions of dates, times, floats and bytea follow session settings.
 * They are set here for one call and put back whatever happens; plain
 * assignment is enough, because nothing but the output function runs between.
 */
static const char *
fixed_output(FmgrInfo *output, Datum value)
{
	int			save_date = DateStyle;
	int			save_interval = IntervalStyle;
	int			save_float = extra_float_digits;
	int			save_bytea = bytea_output;
	pg_tz	   *save_zone = session_timezone;
	pg_tz	   *utc = pg_tzset("GMT");
	char	   *volatile result = NULL;

	PG_TRY();
	{
		DateStyle = USE_ISO_DATES;
		IntervalStyle = INTSTYLE_POSTGRES;
		extra_float_digits = 1;
		bytea_output = BYTEA_OUTPUT_HEX;
		if (utc != NULL)
			session_timezone = utc;
		result = OutputFunctionCall(output, value);
	}
	PG_FINALLY();
	{
		DateStyle = save_date;
		IntervalStyle = save_interval;
		extra_float_digits = save_float;
		bytea_output = save_bytea;
		session_timezone = save_zone;
	}
	PG_END_TRY();
	return result;
}

const char *
datum_text(FmgrInfo *output, Oid type, Datum value, uint32 *len)
{
	const char *s;

	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			{
				text	   *t = DatumGetTextPP(value);

				*len = VARSIZE_ANY_EXHDR(t);
				s = VARDATA_ANY(t);
				/* as the cast of character(n) to text does */
				if (type == BPCHAROID)
					while (*len > 0 && s[*len - 1] == ' ')
						(*len)--;
				return s;
			}
		case NUMERICOID:		/* by value: 42.0 is 42 */
			s = DatumGetCString(DirectFunctionCall1(numeric_out,
													DirectFunctionCall1(numeric_trim_scale, value)));
			break;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			{
				char	   *buf = palloc(MAXINT8LEN + 1);

				*len = pg_lltoa(type == INT8OID ? DatumGetInt64(value) :
								type == INT4OID ? DatumGetInt32(value) : DatumGetInt16(value), buf);
				return buf;
			}
		case BOOLOID:			/* as the cast to text does */
			s = DatumGetBool(value) ? "true" : "false";
			break;
		default:
			s = fixed_output(output, value);
	}
	*len = (uint32) strlen(s);
	return s;
}

/*
 * Does what the type prints depend on the session in ways that cannot be fixed
 * for a call? If so, that type, which may be one within it; otherwise
 * InvalidOid.
 */
static Oid
session_dependent(Oid type)
{
	Oid			inner;
	TupleDesc	row;

	check_stack_depth();
	type = getBaseType(type);
	switch (type)
	{
		case CASHOID:
		case REGCLASSOID:
		case REGCOLLATIONOID:
		case REGCONFIGOID:
		case REGDICTIONARYOID:
		case REGNAMESPACEOID:
		case REGOPEROID:
		case REGOPERATOROID:
		case REGPROCOID:
		case REGPROCEDUREOID:
		case REGROLEOID:
		case REGTYPEOID:
			return type;
	}
	inner = get_element_type(type);
	if (!OidIsValid(inner))
		inner = get_range_subtype(type);
	if (OidIsValid(inner))
		return session_dependent(inner);
	if (type == RECORDOID || !type_is_rowtype(type))
		return InvalidOid;
	row = lookup_rowtype_tupdesc_copy(type, -1);
	for (int i = 0; i < row->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(row, i);

		inner = column->attisdropped ? InvalidOid : session_dependent(column->atttypid);
		if (OidIsValid(inner))
			return inner;
	}
	return InvalidOid;
}

void
check_text_form(Oid type)
{
	Oid			culprit = session_dependent(type);

	if (OidIsValid(culprit))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("a value of type %s cannot name a lead, a record or a stage",
						format_type_be(type)),
				 errdetail("The text form of type %s depends on settings of the session.",
						   format_type_be(culprit)),
				 errhint("Cast it to text, numeric or oid.")));
}

void
key_reader_init(KeyReader *reader, Oid type, MemoryContext cxt)
{
	Oid			outfunc;
	bool		varlena;

	if (!OidIsValid(type))
		elog(ERROR, "could not determine the type of an argument");
	reader->cstring = (type == UNKNOWNOID || type == CSTRINGOID);
	reader->type = getBaseType(type);
	check_text_form(reader->type);
	if (!reader->cstring)
	{
		getTypeOutputInfo(reader->type, &outfunc, &varlena);
		fmgr_info_cxt(outfunc, &reader->output, cxt);
	}
	if (packed_code[0] == 0)
		init_packed_code();
}

void
key_read(KeyReader *reader, Datum value, Key *key)
{
	const char *bytes;
	uint32		len;

	if (reader->cstring)
	{
		bytes = DatumGetCString(value);
		key_from_text(key, bytes, strlen(bytes));
		return;
	}
	switch (reader->type)
	{
		case INT8OID:
			key_from_int64(key, DatumGetInt64(value));
			return;
		case INT4OID:
			key_from_int64(key, DatumGetInt32(value));
			return;
		case INT2OID:
			key_from_int64(key, DatumGetInt16(value));
			return;
		case UUIDOID:
			{
				pg_uuid_t  *uuid = DatumGetUUIDP(value);

				key->hi = load_be64((const char *) uuid->data);
				key->lo = load_be64((const char *) uuid->data + 8);
				key->bytes = NULL;
				key->len = 0;
				key->kclass = KEY_UUID;
				return;
			}
		default:
			bytes = datum_text(&reader->output, reader->type, value, &len);
			key_from_text(key, bytes, len);
	}
}

/* ------------------------------------------------------------------------
 * funnel.cohort_shard(lead "any", n int)
 * ------------------------------------------------------------------------
 */

PG_FUNCTION_INFO_V1(cohort_shard);

/* Mixes the bits of a word: a finalizer whose every output bit depends on every input bit. */
static uint64
mix64(uint64 v)
{
	v = (v ^ (v >> 30)) * UINT64CONST(0xbf58476d1ce4e5b9);
	v = (v ^ (v >> 27)) * UINT64CONST(0x94d049bb133111eb);
	return v ^ (v >> 31);
}

Datum
cohort_shard(PG_FUNCTION_ARGS)
{
	KeyReader  *reader = fcinfo->flinfo->fn_extra;
	int32		n;
	Key			key;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(1) || (n = PG_GETARG_INT32(1)) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"n\" must be positive"),
				 errhint("Pass the number of shards to split leads into.")));
	if (reader == NULL)
	{
		MemoryContext cxt = fcinfo->flinfo->fn_mcxt;

		reader = MemoryContextAllocZero(cxt, sizeof(KeyReader));
		key_reader_init(reader, get_fn_expr_argtype(fcinfo->flinfo, 0), cxt);
		fcinfo->flinfo->fn_extra = reader;
	}
	key_read(reader, PG_GETARG_DATUM(0), &key);
	/* of the key, not of the value: what is one lead is in one shard, whatever its type */
	PG_RETURN_INT32((int32) (mix64(mix64(key.hi + key.kclass) + key.lo) % (uint64) n));
}
