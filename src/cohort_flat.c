/*
 * cohort_flat.c
 *	  Reading and writing the stored form of a cohort, which cohort.h describes.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "bytes.h"
#include "cohort.h"
#include "cohort_run.h"
#include "compat.h"
#include "interrupts.h"
#include "memory.h"

/* Lengths of a time by its three-bit code: seven bytes are written as eight. */
static const uint8 time_length[8] = {0, 1, 2, 3, 4, 5, 6, 8};
static const uint8 time_code[9] = {0, 1, 2, 3, 4, 5, 6, 7, 7};

static const uint64 low_bytes[9] = {
	0,
	UINT64CONST(0xFF),
	UINT64CONST(0xFFFF),
	UINT64CONST(0xFFFFFF),
	UINT64CONST(0xFFFFFFFF),
	UINT64CONST(0xFFFFFFFFFF),
	UINT64CONST(0xFFFFFFFFFFFF),
	UINT64CONST(0xFFFFFFFFFFFFFF),
	UINT64CONST(0xFFFFFFFFFFFFFFFF)
};

#define LABEL_ESCAPE	31		/* label codes from here on need a varint */
#define EVENTS_ESCAPE	16		/* numbers of events likewise */
#define AMOUNT_AS_TEXT	15		/* in the low half of the rich byte */
#define REF_REPEAT		1		/* in its high half */
#define REF_NEW			2

#define EVENT_MAX_BYTES	(1 + 5 + 8)	/* without amount and ref */

#define LEAD_MAX_BYTES	(1 + VARINT_MAX_BYTES + 16)	/* but for KEY_TEXT */

static void
corrupted(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("invalid cohort value"),
			 errdetail("It has %s.", what),
			 errhint("Build the cohort again from its rows.")));
}

static const char *
read_varint(const char *p, const char *end, uint64 *v)
{
	p = get_varint(p, end, v);
	if (p == NULL)
		corrupted("a number that is cut off or too large");
	return p;
}

void
flat_cohort_open(FlatCohort *flat, const char *data, Size size)
{
	const char *p = data;
	const char *end;
	uint64		events,
				first,
				span,
				unit,
				stages,
				channels;
	Size		allocated;

	memset(flat, 0, sizeof(FlatCohort));
	if (size < COHORT_FIXED + COHORT_PAD)
		corrupted("too few bytes");
	end = data + size - COHORT_PAD;
	if (p[0] != COHORT_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("unsupported cohort format version %d", (unsigned char) p[0]),
				 errhint("This funnel reads version %d. Update the extension, or build the cohort again from its rows.",
						 COHORT_VERSION)));
	if (p[1] & ~COHORT_RICH)
		corrupted("unknown flags");
	flat->data = data;
	flat->size = size;
	flat->rich = (p[1] & COHORT_RICH) != 0;
	flat->ignored = (int64) load_le64(p + 2);
	if (flat->ignored < 0)
		corrupted("a negative number of rows ignored");
	for (int c = 0; c < KEY_CLASSES; c++)
		flat->nleads[c] = (uint32) (load_le64(p + 10 + 4 * c) & low_bytes[4]);
	p += COHORT_FIXED;
	p = read_varint(p, end, &events);
	p = read_varint(p, end, &first);
	p = read_varint(p, end, &span);
	p = read_varint(p, end, &unit);
	p = read_varint(p, end, &stages);
	p = read_varint(p, end, &channels);

	/* an event and a label each take a byte at least */
	if (events > size || stages > size || channels > size ||
		stages + channels > size)
		corrupted("a number that is too large for its size");
	flat->nstages = (uint32) stages;
	flat->nlabels = (uint32) (stages + channels);
	event_stats_init(&flat->stats);
	flat->stats.events = (int64) events;
	flat->stats.rich = flat->rich;
	if (events > 0)
	{
		flat->stats.first_at = unzigzag(first);
		flat->stats.last_at = (int64) ((uint64) flat->stats.first_at + span * unit);
		flat->stats.unit = unit;
	}
	/* grown as labels are seen, so that a false number costs nothing */
	allocated = Min(flat->nlabels, 64) + 1;
	flat->labels = palloc(allocated * sizeof(Label));
	for (uint32 i = 0; i < flat->nlabels; i++)
	{
		Label	   *label;
		uint64		v;

		check_interrupts_at(i);
		if (i == allocated)
		{
			allocated *= 2;
			flat->labels = repalloc_huge(flat->labels, allocated * sizeof(Label));
		}
		label = &flat->labels[i];
		p = read_varint(p, end, &v);
		if ((v >> 1) > (uint64) (end - p) || (v >> 1) > KEY_BYTES_MAX)
			corrupted("a label that is cut off or too long");
		label->bytes = p;
		label->len = (uint32) (v >> 1);
		label->touch = (i >= flat->nstages);
		label->rank = RANK_NONE;
		p += label->len;
		if (v & 1)
		{
			uint64		bits;

			if (end - p < 8)
				corrupted("a label that is cut off");
			bits = load_le64(p);
			memcpy(&label->rank, &bits, 8);
			p += 8;
		}
		if (i > 0 && label_cmp(&flat->labels[i - 1], label) >= 0)
			corrupted("labels out of order");
	}
	flat->leads = p;
}

bool
flat_cohort_sizes(const char *data, Size size, CohortSizes *sizes)
{
	const char *p = data + COHORT_FIXED;
	const char *end = data + size;
	uint64		numbers[6];		/* events, first, span, unit, stages, channels */

	if (size < COHORT_FIXED + COHORT_PAD || data[0] != COHORT_VERSION || (data[1] & ~COHORT_RICH))
		return false;
	for (int i = 0; i < 6; i++)
		if ((p = get_varint(p, end, &numbers[i])) == NULL)
			return false;
	sizes->leads = 0;
	for (int c = 0; c < KEY_CLASSES; c++)
		sizes->leads += (int64) (load_le64(data + 10 + 4 * c) & low_bytes[4]);
	/* each takes a byte at least, and a value has less than 1 GB */
	if (numbers[0] > MaxAllocSize || numbers[4] > MaxAllocSize || numbers[5] > MaxAllocSize)
		return false;
	sizes->events = (int64) numbers[0];
	sizes->stages = (uint32) numbers[4];
	sizes->channels = (uint32) numbers[5];
	return true;
}

void
flat_cursor_init(FlatCursor *cursor, const FlatCohort *flat, struct RunReader *reader)
{
	memset(cursor, 0, sizeof(FlatCursor));
	cursor->flat = flat;
	cursor->reader = reader;
	if (reader == NULL)
	{
		cursor->p = flat->leads;
		cursor->end = flat->data + flat->size - COHORT_PAD;
	}
	cursor->kclass = KEY_INT;
	cursor->left = flat->nleads[KEY_INT];
	cursor->key.kclass = KEY_INT;
}

bool
flat_cursor_peek(FlatCursor *cursor)
{
	const char *p = cursor->p;
	const char *end = cursor->end;
	int			header;
	int			len;
	Key		   *key = &cursor->key;

	if (cursor->peeked)
		return true;
	while (cursor->left == 0)
	{
		if (cursor->kclass + 1 >= KEY_CLASSES)
		{
			if (p != end)
				corrupted("bytes behind its last lead");
			return false;
		}
		cursor->kclass++;
		cursor->left = cursor->flat->nleads[cursor->kclass];
		memset(key, 0, sizeof(Key));
		key->kclass = cursor->kclass;
	}
	if (p >= end)
	{
		if (cursor->reader == NULL || !run_reader_next(cursor->reader, &p, &end))
			corrupted("fewer leads than it says");
		cursor->end = end;
	}
	header = (unsigned char) *p++;
	cursor->n = header >> 4;
	len = header & 15;
	if (cursor->n == 0)
	{
		uint64		more;

		p = read_varint(p, end, &more);
		if (more > (uint64) (end - p))
			corrupted("a lead with fewer events than it says");
		cursor->n = (int64) more + EVENTS_ESCAPE;
	}
	if (cursor->kclass == KEY_TEXT)
	{
		uint64		bytes;

		p = read_varint(p, end, &bytes);
		if (len != 0 || bytes > (uint64) (end - p) || bytes > KEY_BYTES_MAX)
			corrupted("a lead whose key is cut off or too long");
		key->bytes = p;
		key->len = (uint32) bytes;
		key->hi = bytes_hash(p, bytes);
		p += bytes;
	}
	else if (len <= 8)
	{
		uint64		delta = load_le64(p) & low_bytes[len];

		p += len;
		if (cursor->kclass == KEY_INT)
			key->hi += delta;
		else
		{
			key->lo += delta;
			key->hi += key->lo < delta;
		}
	}
	else
	{
		uint64		hi = 0;
		uint64		lo;

		if (len == 15)
			len = 16;
		if (cursor->kclass == KEY_INT || end - p < len)
			corrupted("a lead whose key is cut off or too long");
		lo = load_le64(p);
		for (int i = 8; i < len; i++)
			hi |= (uint64) (unsigned char) p[i] << (8 * (i - 8));
		p += len;
		key->lo += lo;
		key->hi += hi + (key->lo < lo);
	}
	if (p > end || cursor->n > end - p)
		corrupted("a lead with fewer events than it says");
	cursor->left--;
	cursor->p = p;
	cursor->peeked = true;
	return true;
}

/* Reads amount and ref of an event; previous is the ref before in the lead. */
static const char *
read_rich(const char *p, const char *end, Amount *amount, Key *ref,
		  const Key **previous)
{
	int			kinds;
	int			low,
				high;
	uint64		v;

	if (p >= end)
		corrupted("an event that is cut off");
	kinds = (unsigned char) *p++;
	low = kinds & 15;
	high = kinds >> 4;
	memset(amount, 0, sizeof(Amount));
	if (low == AMOUNT_AS_TEXT)
	{
		p = read_varint(p, end, &v);
		if (v > (uint64) (end - p) || v > AMOUNT_TEXT_MAX)
			corrupted("an amount that is cut off or too long");
		amount->kind = AMOUNT_TEXT;
		amount->text = p;
		amount->len = (uint32) v;
		p += v;
	}
	else if (low > 0)
	{
		low--;
		if (low > 8 || end - p < 1 + low)
			corrupted("an amount that is cut off or too long");
		amount->kind = AMOUNT_SMALL;
		amount->scale = (uint8) *p++;
		if (amount->scale > AMOUNT_MAX_SCALE)
			corrupted("an amount of a scale that is too large");
		amount->mantissa = unzigzag(load_le64(p) & low_bytes[low]);
		if (amount->mantissa <= -INT64CONST(1000000000000000000) ||
			amount->mantissa >= INT64CONST(1000000000000000000))
			corrupted("an amount that is too large");
		p += low;
	}
	if (high >= REF_NEW)
	{
		memset(ref, 0, sizeof(Key));
		ref->kclass = (KeyClass) (high - REF_NEW);
		switch (ref->kclass)
		{
			case KEY_INT:
				p = read_varint(p, end, &v);
				key_from_int64(ref, unzigzag(v));
				break;
			case KEY_PACKED:
			case KEY_UUID:
				if (end - p < 16)
					corrupted("a ref that is cut off");
				ref->hi = load_be64(p);
				ref->lo = load_be64(p + 8);
				p += 16;
				break;
			case KEY_TEXT:
				p = read_varint(p, end, &v);
				if (v > (uint64) (end - p) || v > KEY_BYTES_MAX)
					corrupted("a ref that is cut off or too long");
				ref->bytes = p;
				ref->len = (uint32) v;
				ref->hi = bytes_hash(p, v);
				p += v;
				break;
			default:
				corrupted("a ref of unknown class");
		}
		*previous = ref;
	}
	else if (high == REF_REPEAT)
	{
		if (*previous == NULL)
			corrupted("a ref that repeats none");
		*ref = **previous;
	}
	else
	{
		memset(ref, 0, sizeof(Key));
		ref->kclass = KEY_NONE;
	}
	return p;
}

void
flat_cursor_read(FlatCursor *cursor, const uint32 *map, Lead *lead)
{
	const char *p = cursor->p;
	const char *end = cursor->end;
	const uint64 unit = cursor->flat->stats.unit;
	const uint32 nlabels = cursor->flat->nlabels;
	const bool	rich = cursor->flat->rich;
	uint64		at = (uint64) cursor->flat->stats.first_at;
	const Key  *previous = NULL;
	int64	   *out_at = lead->at + lead->n;
	uint32	   *out_label = lead->label + lead->n;

	Assert(cursor->peeked && lead->n + cursor->n <= lead->allocated);
	for (int64 i = 0; i < cursor->n; i++)
	{
		unsigned	header;
		uint32		label;
		int			len;

		check_interrupts_at(i);
		if (unlikely(p >= end))
			corrupted("a lead with fewer events than it says");
		header = (unsigned char) *p++;
		label = header >> 3;
		if (unlikely(label == LABEL_ESCAPE))
		{
			uint64		more;

			p = read_varint(p, end, &more);
			if (more >= nlabels)
				corrupted("a label that is not in its dictionary");
			label += (uint32) more;
		}
		if (unlikely(label >= nlabels))
			corrupted("a label that is not in its dictionary");
		len = time_length[header & 7];
		at += (load_le64(p) & low_bytes[len]) * unit;
		p += len;
		out_at[i] = (int64) at;
		out_label[i] = map == NULL ? label : map[label];
		if (lead->rich)
		{
			if (rich)
				p = read_rich(p, end, &lead->amount[lead->n + i],
							  &lead->ref[lead->n + i], &previous);
			else
				lead_set_plain(lead, lead->n + i);
		}
	}
	if (p > end)
		corrupted("a lead with fewer events than it says");
	lead->n += cursor->n;
	cursor->p = p;
	cursor->peeked = false;
}

/* ------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------
 */

static void
writer_reserve(FlatWriter *writer, Size more)
{
	Size		size;

	if (likely(writer->used + more <= writer->size))
		return;
	/* what is reserved is more than what is used: judge by the latter */
	if (writer->used + COHORT_PAD > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cohort is too large"),
				 errdetail("A value cannot have more than 1 GB; this one holds %lld events so far.",
						   (long long) writer->nevents),
				 errhint("Split the rows, by period or by funnel.cohort_shard(lead, n), into several cohorts. What workers of a parallel query hand over is a value too: max_parallel_workers_per_gather = 0 avoids that.")));
	size = Max(writer->size + writer->size / 2, writer->used + more);
	writer->buf = enlarge(writer->cxt, writer->buf, size);
	writer->size = size;
}

/* Bytes that the header needs at most. */
static Size
header_max(const FlatWriter *writer)
{
	Size		size = VARHDRSZ + COHORT_FIXED + 6 * VARINT_MAX_BYTES;

	for (uint32 i = 0; i < writer->nlabels; i++)
		size += 5 + writer->labels[i].len + 8;
	return size;
}

static Size
write_header(const FlatWriter *writer, char *buf)
{
	char	   *p = buf + VARHDRSZ;
	const EventStats *stats = &writer->stats;
	bool		empty = (stats->events == 0);

	*p++ = COHORT_VERSION;
	*p++ = stats->rich ? COHORT_RICH : 0;
	store_le64(p, (uint64) writer->ignored);
	p += 8;
	for (int c = 0; c < KEY_CLASSES; c++)
		for (int i = 0; i < 4; i++)
			*p++ = (char) (writer->nleads[c] >> (8 * i));
	p = put_varint(p, (uint64) stats->events);
	p = put_varint(p, empty ? 0 : zigzag(stats->first_at));
	p = put_varint(p, empty || stats->unit == 0 ? 0 :
				   ((uint64) stats->last_at - (uint64) stats->first_at) / stats->unit);
	p = put_varint(p, empty ? 0 : stats->unit);
	p = put_varint(p, writer->nstages);
	p = put_varint(p, writer->nlabels - writer->nstages);
	for (uint32 i = 0; i < writer->nlabels; i++)
	{
		const Label *label = &writer->labels[i];
		bool		ranked = (label->rank != RANK_NONE);

		check_interrupts_at(i);
		p = put_varint(p, (uint64) label->len << 1 | ranked);
		memcpy(p, label->bytes, label->len);
		p += label->len;
		if (ranked)
		{
			float8		rank = label->rank + 0.0;	/* no negative zero */
			uint64		bits;

			memcpy(&bits, &rank, 8);
			store_le64(p, bits);
			p += 8;
		}
	}
	return (Size) (p - buf);
}

void
flat_writer_init(FlatWriter *writer, const Label *labels, uint32 nstages,
				 uint32 nlabels, const EventStats *stats, int64 ignored,
				 MemoryContext cxt)
{
	memset(writer, 0, sizeof(FlatWriter));
	writer->cxt = cxt;
	writer->labels = labels;
	writer->nstages = nstages;
	writer->nlabels = nlabels;
	writer->stats = *stats;
	writer->ignored = ignored;
	writer->size = header_max(writer) + (Size) stats->events * 8 +
		LEAD_MAX_BYTES + COHORT_PAD;
	writer->buf = enlarge(cxt, NULL, writer->size);
	writer->used = writer->header_room = write_header(writer, writer->buf);
}

void
flat_writer_init_sink(FlatWriter *writer, const Label *labels, uint32 nstages,
					  uint32 nlabels, const EventStats *stats,
					  void (*sink) (FlatWriter *), void *sink_arg, MemoryContext cxt)
{
	memset(writer, 0, sizeof(FlatWriter));
	writer->cxt = cxt;
	writer->labels = labels;
	writer->nstages = nstages;
	writer->nlabels = nlabels;
	writer->stats = *stats;
	writer->sink = sink;
	writer->sink_arg = sink_arg;
	writer->size = 4 * LEAD_MAX_BYTES;	/* grows to what the sink lets pass */
	writer->buf = enlarge(cxt, NULL, writer->size);
}

static char *
put_rich(char *p, const Amount *amount, const Key *ref, const Key **previous)
{
	char	   *kinds = p++;
	int			low = 0,
				high = 0;

	if (amount->kind == AMOUNT_SMALL)
	{
		uint64		mantissa = zigzag(amount->mantissa);
		int			len = byte_length(mantissa);

		*p++ = (char) amount->scale;
		store_le64(p, mantissa);	/* room is made for more than this */
		p += len;
		low = 1 + len;
	}
	else if (amount->kind == AMOUNT_TEXT)
	{
		p = put_varint(p, amount->len);
		memcpy(p, amount->text, amount->len);
		p += amount->len;
		low = AMOUNT_AS_TEXT;
	}
	if (ref->kclass != KEY_NONE)
	{
		if (*previous != NULL && key_cmp(*previous, ref) == 0)
			high = REF_REPEAT;
		else
		{
			high = REF_NEW + ref->kclass;
			switch (ref->kclass)
			{
				case KEY_INT:
					p = put_varint(p, zigzag(key_int64(ref)));
					break;
				case KEY_TEXT:
					p = put_varint(p, ref->len);
					memcpy(p, ref->bytes, ref->len);
					p += ref->len;
					break;
				default:
					store_be64(p, ref->hi);
					store_be64(p + 8, ref->lo);
					p += 16;
			}
			*previous = ref;
		}
	}
	*kinds = (char) (low | high << 4);
	return p;
}

void
flat_writer_add(FlatWriter *writer, const Lead *lead, const uint32 *map)
{
	const Key  *key = &lead->key;
	const Key  *previous = NULL;
	const uint64 unit = writer->stats.unit;
	const bool	rich = writer->stats.rich;
	int64		last = writer->stats.first_at;
	char	   *header;
	char	   *p;
	int			len;

	Assert(lead->n > 0);
	Assert(!writer->started || key_cmp(&writer->previous, key) < 0);
	writer_reserve(writer, LEAD_MAX_BYTES + key->len +
				   (rich ? 0 : (Size) lead->n * EVENT_MAX_BYTES + 8));
	if (!writer->started || writer->previous.kclass != key->kclass)
		memset(&writer->previous, 0, sizeof(Key));
	writer->started = true;

	/* the lead */
	p = header = writer->buf + writer->used;
	p++;
	if (lead->n >= EVENTS_ESCAPE)
	{
		p = put_varint(p, (uint64) lead->n - EVENTS_ESCAPE);
		*header = 0;
	}
	else
		*header = (char) (lead->n << 4);
	if (key->kclass == KEY_TEXT)
	{
		p = put_varint(p, key->len);
		memcpy(p, key->bytes, key->len);
		p += key->len;
	}
	else if (key->kclass == KEY_INT)
	{
		uint64		delta = key->hi - writer->previous.hi;

		len = byte_length(delta);
		store_le64(p, delta);
		p += len;
		*header |= (char) len;
	}
	else
	{
		uint64		lo = key->lo - writer->previous.lo;
		uint64		hi = key->hi - writer->previous.hi -
			(key->lo < writer->previous.lo);

		len = hi != 0 ? 8 + byte_length(hi) : byte_length(lo);
		if (len == 15)
			len = 16;
		store_le64(p, lo);
		store_le64(p + 8, hi);
		p += len;
		*header |= (char) Min(len, 15);
	}
	writer->nleads[key->kclass]++;
	writer->nevents += lead->n;
	writer->previous = *key;

	/* its events */
	for (int64 i = 0; i < lead->n; i++)
	{
		uint64		delta = (uint64) lead->at[i] - (uint64) last;
		uint32		label = map == NULL ? lead->label[i] : map[lead->label[i]];
		int			code;

		check_interrupts_at(i);
		Assert(label < writer->nlabels);
		if (rich)
		{
			Size		need = EVENT_MAX_BYTES + 8;

			if (lead->rich)
				need += 64 + lead->amount[i].len + lead->ref[i].len;
			writer->used = (Size) (p - writer->buf);
			writer_reserve(writer, need);
			p = writer->buf + writer->used;
		}
		last = lead->at[i];
		if (unit > 1)
			delta /= unit;
		code = time_code[byte_length(delta)];
		if (label < LABEL_ESCAPE)
			*p++ = (char) (label << 3 | code);
		else
		{
			*p++ = (char) (LABEL_ESCAPE << 3 | code);
			p = put_varint(p, label - LABEL_ESCAPE);
		}
		store_le64(p, delta);
		p += time_length[code];
		if (rich)
		{
			if (lead->rich)
				p = put_rich(p, &lead->amount[i], &lead->ref[i], &previous);
			else
				*p++ = 0;
		}
	}
	writer->used = (Size) (p - writer->buf);
	if (writer->sink != NULL)
		writer->sink(writer);
}

struct varlena *
flat_writer_finish(FlatWriter *writer)
{
	Size		header;

	writer->stats.events = writer->nevents;
	writer_reserve(writer, header_max(writer) + COHORT_PAD);
	header = write_header(writer, palloc(header_max(writer)));
	if (header != writer->header_room)
		move_bytes(writer->buf + header, writer->buf + writer->header_room,
				writer->used - writer->header_room);
	writer->used = writer->used - writer->header_room + header;
	write_header(writer, writer->buf);
	memset(writer->buf + writer->used, 0, COHORT_PAD);
	writer->used += COHORT_PAD;
	if (writer->used > MaxAllocSize)
		writer_reserve(writer, writer->size);
	SET_VARSIZE(writer->buf, writer->used);
	return (struct varlena *) writer->buf;
}

/* ------------------------------------------------------------------------
 * Validation
 * ------------------------------------------------------------------------
 */

static void
check_text(const char *bytes, uint32 len)
{
	if (memchr(bytes, 0, len) != NULL ||
		!pg_verify_mbstr(GetDatabaseEncoding(), bytes, (int) len, true))
		corrupted("text that is not valid in the encoding of the database");
}

/* Before anything else reads it: nothing strange may get into a message. */
static bool
amount_has_digits(const Amount *amount)
{
	if (amount->kind != AMOUNT_TEXT)
		return true;
	if (amount->len > 0 && (amount->text[amount->len - 1] == 'N' ||
							amount->text[amount->len - 1] == 'y'))
		return (amount->len == 3 && memcmp(amount->text, "NaN", 3) == 0) ||
			(amount->len == 8 && memcmp(amount->text, "Infinity", 8) == 0) ||
			(amount->len == 9 && memcmp(amount->text, "-Infinity", 9) == 0);
	for (uint32 i = 0; i < amount->len; i++)
		if (amount->text[i] != '.' && amount->text[i] != '-' &&
			(amount->text[i] < '0' || amount->text[i] > '9'))
			return false;
	return amount->len > 0;
}

static void
check_key(const Key *key)
{
	if (key->kclass == KEY_TEXT)
		check_text(key->bytes, key->len);
	if (!key_is_canonical(key))
		corrupted("a key in a form that is not its own");
}

/*
 * What decoding and encoding again would not tell is checked by hand: order,
 * ranges, and that every part is what reading its text form gives. The rest,
 * that each number is written in its one way, is then a comparison of bytes.
 */
void
flat_cohort_validate(const char *data, Size size)
{
	FlatCohort	flat;
	FlatCursor	cursor;
	FlatWriter	writer;
	EventStats	stats;
	Lead		lead;
	Key			previous;
	LabelDict  *dict;
	bool	   *used;
	struct varlena *again;

	flat_cohort_open(&flat, data, size);
	dict = label_dict_create(flat.nlabels, CurrentMemoryContext);
	for (uint32 i = 0; i < flat.nlabels; i++)
	{
		check_interrupts_at(i);
		check_text(flat.labels[i].bytes, flat.labels[i].len);
		if (isnan(flat.labels[i].rank) ||
			(flat.labels[i].touch && flat.labels[i].rank != RANK_NONE))
			corrupted("a label with a rank that it cannot have");
		label_dict_add(dict, flat.labels[i].touch, flat.labels[i].bytes,
					   flat.labels[i].len, flat.labels[i].rank);
		if (dict->nlabels != i + 1)
			corrupted("a label twice");
	}
	used = palloc0(Max(flat.nlabels, 1) * sizeof(bool));
	lead_init(&lead, flat.rich, CurrentMemoryContext);

	/* once to look, and to gather what the writer has to be told */
	event_stats_init(&stats);
	flat_cursor_init(&cursor, &flat, NULL);
	memset(&previous, 0, sizeof(previous));
	for (int64 nleads = 0; flat_cursor_peek(&cursor); nleads++)
	{
		CHECK_FOR_INTERRUPTS();
		lead.key = cursor.key;
		lead.n = 0;
		lead_reserve(&lead, cursor.n);
		flat_cursor_read(&cursor, NULL, &lead);
		check_key(&lead.key);
		if (nleads > 0 && key_cmp(&previous, &lead.key) >= 0)
			corrupted("leads out of order");
		previous = lead.key;
		FOR_INTERRUPTIBLE(i, lead.n)
		{
			if (!IS_VALID_TIMESTAMP(lead.at[i]))
				corrupted("a time out of range");
			if (lead.rich)
			{
				if (!amount_has_digits(&lead.amount[i]) ||
					!amount_is_canonical(&lead.amount[i]))
					corrupted("an amount in a form that is not its own");
				if (lead.ref[i].kclass != KEY_NONE)
					check_key(&lead.ref[i]);
				if (lead.amount[i].kind != AMOUNT_NONE ||
					lead.ref[i].kclass != KEY_NONE)
					stats.rich = true;
			}
			if (i > 0 && lead_cmp_events(&lead, i - 1, i) > 0)
				corrupted("events out of order");
			used[lead.label[i]] = true;
			event_stats_add_time(&stats, lead.at[i]);
		}
		stats.events += lead.n;
	}
	for (uint32 i = 0; i < flat.nlabels; i++)
		if (!used[i])
			corrupted("a label that no event has");

	/* and once to write it as it should be */
	flat_writer_init(&writer, flat.labels, flat.nstages, flat.nlabels, &stats,
					 flat.ignored, CurrentMemoryContext);
	flat_cursor_init(&cursor, &flat, NULL);
	while (flat_cursor_peek(&cursor))
	{
		CHECK_FOR_INTERRUPTS();
		lead.key = cursor.key;
		lead.n = 0;
		flat_cursor_read(&cursor, NULL, &lead);
		flat_writer_add(&writer, &lead, NULL);
	}
	again = flat_writer_finish(&writer);
	if (VARSIZE(again) - VARHDRSZ != size ||
		!equal_bytes(VARDATA(again), data, size))
		corrupted("an encoding that is not the shortest");
	pfree(again);
}
