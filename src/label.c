/*
 * label.c
 *	  Dictionaries of labels, and SQL values to labels.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "bytes.h"
#include "compat.h"
#include "interrupts.h"
#include "key.h"
#include "label.h"
#include "lead_stage.h"

/*
 * The hash table holds codes; a label to be looked up is put behind the last
 * one first, so that it has a code to be compared by.
 */
typedef struct LabelEntry
{
	uint32		code;
	uint32		hash;
	char		status;
} LabelEntry;

#define DICT_LABEL(tb, code) \
	(&((LabelDict *) (tb)->private_data)->labels[code])

static inline uint32
label_hash(const Label *label)
{
	return (uint32) bytes_hash(label->bytes, label->len) + label->touch;
}

#define SH_PREFIX labelhash
#define SH_ELEMENT_TYPE LabelEntry
#define SH_KEY_TYPE uint32
#define SH_KEY code
#define SH_HASH_KEY(tb, key) label_hash(DICT_LABEL(tb, key))
#define SH_EQUAL(tb, a, b) label_equal(DICT_LABEL(tb, a), DICT_LABEL(tb, b))
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

int
label_cmp(const Label *a, const Label *b)
{
	int			c;

	if (a->touch != b->touch)
		return a->touch ? 1 : -1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	c = memcmp(a->bytes, b->bytes, Min(a->len, b->len));
	if (c != 0)
		return c;
	return (a->len > b->len) - (a->len < b->len);
}

bool
label_equal(const Label *a, const Label *b)
{
	return a->len == b->len && a->touch == b->touch &&
		memcmp(a->bytes, b->bytes, a->len) == 0;
}

Datum
label_datum(const Label *label)
{
	return PointerGetDatum(cstring_to_text_with_len(label->bytes, (int) label->len));
}

LabelDict *
label_dict_create(uint32 expected, MemoryContext cxt)
{
	LabelDict  *dict = MemoryContextAllocZero(cxt, sizeof(LabelDict));

	dict->cxt = cxt;
	dict->allocated = Max(expected, 15) + 1;
	dict->labels = MemoryContextAllocHuge(cxt, dict->allocated * sizeof(Label));
	dict->marks = alloc_zeroed(cxt, dict->allocated * sizeof(uint32));
	dict->hash = labelhash_create(cxt, dict->allocated, dict);
	return dict;
}

uint32
label_dict_add(LabelDict *dict, bool touch, const char *bytes, uint32 len,
			   float8 rank)
{
	Label	   *label;
	LabelEntry *entry;
	bool		found;

	if (len > KEY_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("stage or channel name is %u bytes long", len),
				 errdetail("A name can have at most %d bytes.", KEY_BYTES_MAX),
				 errhint("Pass the column that names the stage or the channel.")));
	if (dict->nlabels == dict->allocated)
	{
		dict->labels = repalloc_huge(dict->labels,
									 (Size) dict->allocated * 2 * sizeof(Label));
		dict->marks = repalloc_huge(dict->marks,
									(Size) dict->allocated * 2 * sizeof(uint32));
		memset(dict->marks + dict->allocated, 0, (Size) dict->allocated * sizeof(uint32));
		dict->allocated *= 2;
	}
	label = &dict->labels[dict->nlabels];
	label->bytes = bytes;
	label->len = len;
	label->touch = touch;
	label->rank = rank;
	entry = labelhash_insert(dict->hash, dict->nlabels, &found);
	if (found)
	{
		label = &dict->labels[entry->code];
		if (rank < label->rank)
		{
			label->rank = rank;
			dict->ordered = false;
		}
	}
	else
	{
		char	   *copy = MemoryContextAlloc(dict->cxt, Max(len, 1));

		memcpy(copy, bytes, len);
		label->bytes = copy;
		dict->nlabels++;
		dict->ordered = false;
	}
	return entry->code;
}

uint32
label_dict_find(LabelDict *dict, bool touch, const char *bytes, uint32 len)
{
	LabelEntry *entry;

	if (dict->nlabels == dict->allocated)
	{
		/* no room behind the last label: make some, by adding one of them again */
		const Label *last = &dict->labels[dict->nlabels - 1];

		label_dict_add(dict, last->touch, last->bytes, last->len, last->rank);
	}
	dict->labels[dict->nlabels].bytes = bytes;
	dict->labels[dict->nlabels].len = len;
	dict->labels[dict->nlabels].touch = touch;
	entry = labelhash_lookup(dict->hash, dict->nlabels);
	return entry == NULL ? dict->nlabels : entry->code;
}

uint32
label_dict_new_mark(LabelDict *dict)
{
	if (++dict->mark == 0)
	{
		memset(dict->marks, 0, (Size) dict->allocated * sizeof(uint32));
		dict->mark = 1;
	}
	return dict->mark;
}

#define ST_SORT sort_codes
#define ST_ELEMENT_TYPE uint32
#define ST_COMPARE(a, b, labels) label_cmp(&(labels)[*(a)], &(labels)[*(b)])
#define ST_COMPARE_ARG_TYPE const Label
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

void
label_dict_order(LabelDict *dict)
{
	if (dict->ordered)
		return;
	if (dict->position != NULL)
	{
		pfree(dict->position);
		pfree(dict->by_position);
		dict->position = dict->by_position = NULL;
	}
	dict->position = MemoryContextAllocHuge(dict->cxt, dict->allocated * sizeof(uint32));
	dict->by_position = MemoryContextAllocHuge(dict->cxt, dict->allocated * sizeof(uint32));
	for (uint32 i = 0; i < dict->nlabels; i++)
		dict->by_position[i] = i;
	sort_codes(dict->by_position, dict->nlabels, dict->labels);
	FOR_INTERRUPTIBLE(i, dict->nlabels)
		dict->position[dict->by_position[i]] = (uint32) i;
	dict->ordered = true;
}

void
label_reader_init(LabelReader *reader, Oid type, bool touch, LabelDict *dict,
				  MemoryContext cxt)
{
	memset(reader, 0, sizeof(LabelReader));
	reader->dict = dict;
	reader->touch = touch;
	if (!OidIsValid(type))
		elog(ERROR, "could not determine the type of an argument");
	reader->type = getBaseType(type);
	check_text_form(reader->type);
	if (type == UNKNOWNOID || type == CSTRINGOID)
	{
		reader->kind = LABEL_CSTRING;
		return;
	}
	switch (reader->type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			reader->kind = LABEL_STRING;
			break;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			reader->kind = LABEL_INTEGER;
			break;
		default:
			{
				Oid			func,
							ioparam;
				bool		varlena;

				getTypeInputInfo(reader->type, &func, &ioparam);
				fmgr_info_cxt(func, &reader->output, cxt);
				if (reader->output.fn_addr == lead_stage_in)
					reader->kind = LABEL_LEAD_STAGE;
				else if (type_is_enum(reader->type))
					reader->kind = LABEL_ENUM;
				else
				{
					reader->kind = LABEL_OTHER;
					getTypeOutputInfo(reader->type, &func, &varlena);
					fmgr_info_cxt(func, &reader->output, cxt);
				}
			}
	}
}

/* A value that the cache of the reader does not hold. */
static uint32
label_read_value(LabelReader *reader, int64 value)
{
	float8		rank = RANK_NONE;
	char		buf[MAXINT8LEN + 1];
	const char *bytes = buf;
	HeapTuple	tuple = NULL;
	uint32		code;

	switch (reader->kind)
	{
		case LABEL_LEAD_STAGE:
			bytes = lead_stage_label((uint8) value);
			rank = (float8) value;
			break;
		case LABEL_INTEGER:
			buf[pg_lltoa(value, buf)] = '\0';
			rank = (float8) value;
			break;
		default:
			{
				Form_pg_enum form;

				tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum((Oid) value));
				if (!HeapTupleIsValid(tuple))
					ereport(ERROR,
							(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
							 errmsg("invalid internal value for enum: %u", (Oid) value)));
				form = (Form_pg_enum) GETSTRUCT(tuple);
				bytes = NameStr(form->enumlabel);
				rank = form->enumsortorder;
			}
	}
	code = label_dict_add(reader->dict, reader->touch, bytes,
						  (uint32) strlen(bytes),
						  reader->touch ? RANK_NONE : rank);
	if (tuple != NULL)
		ReleaseSysCache(tuple);
	return code;
}

/*
 * The bytes of a string of 4 to 16 as two words, which overlap in the middle;
 * with its length they tell it apart.
 */
static inline void
short_words(const char *bytes, uint32 len, uint64 *a, uint64 *b)
{
	if (len >= 8)
	{
		memcpy(a, bytes, 8);
		memcpy(b, bytes + len - 8, 8);
	}
	else
	{
		uint32		head,
					tail;

		memcpy(&head, bytes, 4);
		memcpy(&tail, bytes + len - 4, 4);
		*a = head;
		*b = tail;
	}
}

/* Strings by a cache of the recent ones, without a call for the usual lengths. */
static inline uint32
label_read_bytes(LabelReader *reader, const char *bytes, uint32 len)
{
	LabelDict  *dict = reader->dict;
	uint64		a = 0,
				b = 0;
	uint32		slot;
	uint32		code;
	bool		is_short = true;

	if (len >= 4 && len <= 16)
		short_words(bytes, len, &a, &b);
	else if (len > 0 && len < 4)
		a = (unsigned char) bytes[0] | (uint64) (unsigned char) bytes[len / 2] << 8 |
			(uint64) (unsigned char) bytes[len - 1] << 16;
	else if (len > 16)
	{
		short_words(bytes, 16, &a, &b);
		is_short = false;
	}
	slot = (uint32) (((a ^ b * 31) * UINT64CONST(0x9E3779B97F4A7C15) + len) >> 56);
	code = reader->recent[slot].code_plus_1;
	if (likely(code > 0 && reader->recent[slot].words[0] == a &&
			   reader->recent[slot].words[1] == b && reader->recent[slot].len == len))
	{
		if (is_short || memcmp(dict->labels[code - 1].bytes, bytes, len) == 0)
			return code - 1;
	}
	code = label_dict_add(dict, reader->touch, bytes, len, RANK_NONE);
	reader->recent[slot].words[0] = a;
	reader->recent[slot].words[1] = b;
	reader->recent[slot].len = len;
	reader->recent[slot].code_plus_1 = code + 1;
	return code;
}

uint32
label_read(LabelReader *reader, Datum value)
{
	int64		v;

	switch (reader->kind)
	{
		case LABEL_STRING:
			if (reader->type != BPCHAROID)
			{
				text	   *t = DatumGetTextPP(value);

				return label_read_bytes(reader, VARDATA_ANY(t),
										VARSIZE_ANY_EXHDR(t));
			}
			/* FALLTHROUGH */
		case LABEL_OTHER:
			{
				uint32		len;
				const char *bytes = datum_text(&reader->output, reader->type,
											   value, &len);

				return label_read_bytes(reader, bytes, len);
			}
		case LABEL_CSTRING:
			{
				const char *bytes = DatumGetCString(value);

				return label_read_bytes(reader, bytes, (uint32) strlen(bytes));
			}
		case LABEL_INTEGER:
			v = reader->type == INT8OID ? DatumGetInt64(value) :
				reader->type == INT4OID ? DatumGetInt32(value) :
				DatumGetInt16(value);
			break;
		case LABEL_LEAD_STAGE:
			v = DatumGetUInt8(value);
			break;
		default:
			v = (int64) DatumGetObjectId(value);
			break;
	}
	{
		uint32		slot = (uint32) v & 255;

		if (reader->recent[slot].code_plus_1 == 0 ||
			reader->recent[slot].words[0] != (uint64) v)
		{
			reader->recent[slot].code_plus_1 = label_read_value(reader, v) + 1;
			reader->recent[slot].words[0] = (uint64) v;
		}
		return reader->recent[slot].code_plus_1 - 1;
	}
}
