/*
 * event_sort.c
 *	  Grouping the events of a buffer by lead.
 *
 * A radix sort that goes by value ranges: a range of keys is cut into equal
 * parts, as many as make a part fit the cache, and a part that is still too
 * large is cut again by its own range. Each cut divides the width of the range,
 * so that skewed keys cost a few cuts more and nothing worse. The parts, called
 * leaves, are sorted one by one as their leads are asked for.
 *
 * Cutting permutes the records where they lie, in the chunks of the buffer: to
 * the bag that the buffer is, that makes no difference, and no memory is needed
 * but for the one leaf that is being read.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "compat.h"
#include "event_record.h"
#include "event_sort.h"
#include "interrupts.h"
#include "memory.h"

#define LEAF_RECORDS	8192	/* a part of so many is sorted as it is */
#define PART_RECORDS	4096	/* what a cut aims at */
#define MAX_PARTS		1024	/* of one cut */

/* A part that is small enough, or all of one key. */
typedef struct Leaf
{
	int64		start;			/* record number within the class */
	int64		n;
	uint128		min;			/* keys are from min ... */
	int			bits;			/* ... to less than min + 2^bits */
} Leaf;

typedef struct SortClass
{
	KeyClass	kclass;
	bool		rich;
	int			recsize;
	int64		n;
	char	  **chunks;
	int64		nchunks;
	Leaf	   *leaves;
	int64		nleaves;
	int64		aleaves;
} SortClass;

/* A record within a leaf: the part of its key that mostly settles the order. */
typedef struct LeafItem
{
	uint64		digit;
	uint32		rec;
} LeafItem;

/* The leaf that is loaded: where its records are and how its items compare. */
typedef struct LeafOrder
{
	const SortClass *sc;
	const char *base;			/* first record, if they lie in a row, or NULL */
	int64		start;			/* its number */
	bool		exact;			/* do equal digits mean equal keys? */
} LeafOrder;

struct EventSort
{
	MemoryContext cxt;
	SortClass	classes[KEY_CLASSES];
	int			nclasses;
	uint32	   *labels;			/* that occur, in no order */
	uint32		nlabels;
	uint32		alabels;

	/* where delivery stands */
	int			kclass;			/* index in classes[] */
	int64		leaf;			/* next leaf to load */
	LeafItem   *items;			/* of the leaf loaded, in key order */
	LeafItem   *scratch;
	int64		aitems;
	uint32	   *counts;
	int64		acounts;
	char	   *copy;			/* of a leaf that lies in two chunks */
	Size		acopy;
	int64		nitems;
	int64		item;			/* next to deliver */
	LeafOrder	order;
};

/* Of these only the high word tells keys apart; the low one counts as empty. */
static inline bool
one_word(KeyClass kclass)
{
	return kclass == KEY_INT || kclass == KEY_TEXT;
}

static inline uint128
record_key(const char *record, KeyClass kclass)
{
	if (one_word(kclass))
		return (uint128) get64(record) << 64;
	return (uint128) get64(record) << 64 | get64(record + 8);
}

static inline int
bits128(uint128 v)
{
	uint64		hi = (uint64) (v >> 64);

	if (hi != 0)
		return 65 + pg_leftmost_one_pos64(hi);
	return (uint64) v == 0 ? 0 : 1 + pg_leftmost_one_pos64((uint64) v);
}

static inline char *
class_record(const SortClass *sc, int64 i)
{
	return sc->chunks[(uint64) i / EVENT_CHUNK_RECORDS] +
		(uint64) i % EVENT_CHUNK_RECORDS * sc->recsize;
}

static void
add_leaf(SortClass *sc, int64 start, int64 n, uint128 min, int bits)
{
	Leaf	   *leaf;

	if (sc->nleaves == sc->aleaves)
	{
		sc->aleaves *= 2;
		sc->leaves = repalloc_huge(sc->leaves, sc->aleaves * sizeof(Leaf));
	}
	leaf = &sc->leaves[sc->nleaves++];
	leaf->start = start;
	leaf->n = n;
	leaf->min = min;
	leaf->bits = bits;
}

/*
 * How a range of n records with keys from min to max is cut: the part of a
 * key is (key - min) >> shift.
 */
typedef struct Cut
{
	uint128		min;
	int			shift;
	int			parts;
} Cut;

static void
cut_init(Cut *cut, KeyClass kclass, uint128 min, uint128 max, int64 n)
{
	int			want = 1;

	while (((int64) 1 << want) < MAX_PARTS &&
		   ((int64) 1 << want) * PART_RECORDS < n)
		want++;
	cut->min = min;
	cut->shift = Max(bits128(max - min) - want, one_word(kclass) ? 64 : 0);
	cut->parts = (int) ((max - min) >> cut->shift) + 1;
}

static inline uint32
cut_part(const Cut *cut, const char *record, KeyClass kclass)
{
	if (one_word(kclass))
		return (uint32) ((get64(record) - (uint64) (cut->min >> 64)) >> (cut->shift - 64));
	return (uint32) ((record_key(record, kclass) - cut->min) >> cut->shift);
}

/* For each run of records that lie in a row, of those from start to start + n. */
#define FOREACH_RUN(sc, start, n, from, end) \
	for (int64 run_ = (start), last_ = (start) + (n); run_ < last_; \
		 run_ += EVENT_CHUNK_RECORDS - run_ % EVENT_CHUNK_RECORDS) \
		for (const char *from = class_record(sc, run_), \
			 *end = from + Min(EVENT_CHUNK_RECORDS - run_ % EVENT_CHUNK_RECORDS, \
							   last_ - run_) * (sc)->recsize; \
			 from != NULL; from = NULL)

static void
count_parts(const SortClass *sc, int64 start, int64 n, const Cut *cut,
			int64 *counts)
{
	FOREACH_RUN(sc, start, n, from, end)
	{
		const char *p = from;

		CHECK_FOR_INTERRUPTS();
		if (sc->kclass == KEY_INT)
			for (; p < end; p += sc->recsize)
				counts[cut_part(cut, p, KEY_INT)]++;
		else
			for (; p < end; p += sc->recsize)
				counts[cut_part(cut, p, sc->kclass)]++;
	}
}

/* A part being filled: records before next are in place. */
typedef struct Part
{
	char	   *next;
	char	   *limit;			/* end of the chunk that next is in */
} Part;

static void
part_enter_chunk(const SortClass *sc, Part *part, int64 *chunk_of, int64 chunk)
{
	/* an error leaves a record out of place: the buffer is in_pieces then */
	CHECK_FOR_INTERRUPTS();
	*chunk_of = chunk;
	if (chunk < sc->nchunks)
	{
		part->next = sc->chunks[chunk];
		part->limit = part->next + (Size) EVENT_CHUNK_RECORDS * sc->recsize;
	}
}

/*
 * Moves each record into its part: one that does not belong where it lies is
 * taken out and put where the next of its part is due, the one that lay there
 * goes on likewise, until one belongs into the gap. Sizes known at compile time
 * make the moves a few instructions; the place where a part will next be
 * written is fetched ahead.
 */
static pg_attribute_always_inline void
permute(const SortClass *sc, int64 start, const int64 *counts, Part *parts,
		int64 *chunk_of, const Cut *cut, KeyClass kclass, int recsize)
{
	char		carried[64];
	char		displaced[64];

#define TAKE(place, q) \
	do { \
		(place) = parts[q].next; \
		parts[q].next += recsize; \
		if (unlikely(parts[q].next == parts[q].limit)) \
			part_enter_chunk(sc, &parts[q], &chunk_of[q], chunk_of[q] + 1); \
	} while (0)

	for (int p = 0; p < cut->parts; p++)
	{
		int64		next = chunk_of[p] * EVENT_CHUNK_RECORDS;

		/* earlier parts have put some of this one's records into place */
		if (chunk_of[p] < sc->nchunks)
			next += (parts[p].next - sc->chunks[chunk_of[p]]) / recsize;
		start += counts[p];
		CHECK_FOR_INTERRUPTS();
		for (; next < start; next++)
		{
			char	   *gap;
			uint32		q;

			TAKE(gap, p);
			q = cut_part(cut, gap, kclass);
			if (q == (uint32) p)
				continue;
			memcpy(carried, gap, recsize);
			do
			{
				char	   *place;

				TAKE(place, q);
				__builtin_prefetch(parts[q].next + 3 * recsize, 1);
				memcpy(displaced, place, recsize);
				memcpy(place, carried, recsize);
				memcpy(carried, displaced, recsize);
				q = cut_part(cut, carried, kclass);
			} while (q != (uint32) p);
			memcpy(gap, carried, recsize);
		}
	}
#undef TAKE
}

static void
permute_parts(const SortClass *sc, int64 start, const int64 *counts,
			  const Cut *cut, MemoryContext cxt)
{
	Part	   *parts = MemoryContextAlloc(cxt, cut->parts * sizeof(Part));
	int64	   *chunk_of = MemoryContextAlloc(cxt, cut->parts * sizeof(int64));
	int64		next = start;

	for (int p = 0; p < cut->parts; p++)
	{
		part_enter_chunk(sc, &parts[p], &chunk_of[p], next / EVENT_CHUNK_RECORDS);
		if (next < sc->n)
			parts[p].next = class_record(sc, next);
		next += counts[p];
	}
	if (sc->kclass == KEY_INT && !sc->rich)
		permute(sc, start, counts, parts, chunk_of, cut, KEY_INT, 20);
	else if (sc->kclass == KEY_INT)
		permute(sc, start, counts, parts, chunk_of, cut, KEY_INT, 20 + RICH_BYTES);
	else if (sc->kclass == KEY_TEXT)
		permute(sc, start, counts, parts, chunk_of, cut, KEY_TEXT, sc->recsize);
	else if (!sc->rich)
		permute(sc, start, counts, parts, chunk_of, cut, KEY_PACKED, 28);
	else
		permute(sc, start, counts, parts, chunk_of, cut, KEY_PACKED, 28 + RICH_BYTES);
	pfree(parts);
	pfree(chunk_of);
}

static void
key_range(const SortClass *sc, int64 start, int64 n, uint128 *min, uint128 *max)
{
	*min = *max = record_key(class_record(sc, start), sc->kclass);
	FOREACH_RUN(sc, start, n, from, end)
	{
		CHECK_FOR_INTERRUPTS();
		for (const char *p = from; p < end; p += sc->recsize)
		{
			uint128		key = record_key(p, sc->kclass);

			if (key < *min)
				*min = key;
			else if (key > *max)
				*max = key;
		}
	}
}

/* Cuts records [start, start + n), whose keys are from min to max, to leaves. */
static void
cut_range(SortClass *sc, int64 start, int64 n, uint128 min, uint128 max,
		  MemoryContext cxt)
{
	Cut			cut;
	int64	   *counts;

	check_stack_depth();
	if (n <= LEAF_RECORDS || min == max)
	{
		add_leaf(sc, start, n, min, bits128(max - min));
		return;
	}
	cut_init(&cut, sc->kclass, min, max, n);
	counts = MemoryContextAllocZero(cxt, cut.parts * sizeof(int64));
	count_parts(sc, start, n, &cut, counts);
	permute_parts(sc, start, counts, &cut, cxt);
	for (int p = 0; p < cut.parts; p++)
	{
		min = cut.min + ((uint128) p << cut.shift);
		if (counts[p] > LEAF_RECORDS)
		{
			key_range(sc, start, counts[p], &min, &max);
			cut_range(sc, start, counts[p], min, max, cxt);
		}
		else if (counts[p] > 0)
			add_leaf(sc, start, counts[p], min, cut.shift);
		start += counts[p];
	}
	pfree(counts);
}

/* What a first reading of the chunks tells. */
typedef struct Survey
{
	uint128		min;
	uint128		max;
	int64		first_at;
	int64		last_at;
	int64		reference;
	uint64		unit;
	bool		rich;
	uint32	   *marks;			/* of the dictionary's labels, see label.h */
	uint32		mark;
	EventSort  *sort;			/* gathers the labels seen */
} Survey;

static void
add_label(EventSort *sort, uint32 label)
{
	if (sort->nlabels == sort->alabels)
	{
		sort->alabels = Max(sort->alabels * 2, 16);
		sort->labels = enlarge(sort->cxt, sort->labels, (Size) sort->alabels * sizeof(uint32));
	}
	sort->labels[sort->nlabels++] = label;
}

static pg_attribute_always_inline void
survey_records(Survey *s, const char *from, const char *end, KeyClass kclass,
			   int recsize, bool rich)
{
	const int	at_offset = key_words(kclass) * 8;

	for (; from < end; from += recsize)
	{
		uint128		key = record_key(from, kclass);
		int64		at = (int64) get64(from + at_offset);
		uint32		label = get32(from + at_offset + 8);

		if (key < s->min)
			s->min = key;
		if (key > s->max)
			s->max = key;
		if (at < s->first_at)
			s->first_at = at;
		if (at > s->last_at)
			s->last_at = at;
		if (s->unit != 1)
			s->unit = event_stats_unit(s->unit, at, s->reference);
		if (s->marks[label] != s->mark)
		{
			s->marks[label] = s->mark;
			add_label(s->sort, label);
		}
		if (rich)
		{
			uint32		kinds = get32(from + at_offset + 12 + 24);

			if (kinds != (AMOUNT_NONE | (uint32) KEY_NONE << 16))
				s->rich = true;
		}
	}
}

/* Distributes one class of the buffer. */
static void
sort_class_begin(EventSort *sort, SortClass *sc, EventBuffer *buffer,
				 EventStats *stats)
{
	const EventList *list = buffer->lists[sc->kclass];
	int64		full = list->full == NULL ? 0 : list->full->n;
	Survey		survey;
	EventStats	mine;

	sc->nchunks = full + 1;
	sc->chunks = MemoryContextAllocHuge(sort->cxt, sc->nchunks * sizeof(char *));
	if (full > 0)
		memcpy(sc->chunks, list->full->chunk, full * sizeof(char *));
	sc->chunks[full] = list->base;

	survey.min = ~(uint128) 0;
	survey.max = 0;
	survey.reference = (int64) get64(class_record(sc, 0) + key_words(sc->kclass) * 8);
	survey.first_at = survey.last_at = survey.reference;
	survey.unit = 0;
	survey.rich = false;
	survey.marks = buffer->dict->marks;
	survey.mark = buffer->dict->mark;
	survey.sort = sort;
	FOREACH_RUN(sc, 0, sc->n, from, end)
	{
		CHECK_FOR_INTERRUPTS();
		if (sc->kclass == KEY_INT && !sc->rich)
			survey_records(&survey, from, end, KEY_INT, 20, false);
		else
			survey_records(&survey, from, end, sc->kclass, sc->recsize, sc->rich);
	}
	event_stats_init(&mine);
	mine.events = sc->n;
	mine.first_at = survey.first_at;
	mine.last_at = survey.last_at;
	mine.unit = survey.unit;
	mine.rich = survey.rich;
	event_stats_merge(stats, &mine);

	sc->aleaves = 1;
	sc->leaves = MemoryContextAlloc(sort->cxt, sizeof(Leaf));
	cut_range(sc, 0, sc->n, survey.min, survey.max, sort->cxt);
}

EventSort *
event_sort_begin(EventBuffer *buffer, EventStats *stats, MemoryContext cxt)
{
	EventSort  *sort = MemoryContextAllocZero(cxt, sizeof(EventSort));

	if (buffer->in_pieces)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cohort was left unfinished when a query was canceled"),
				 errhint("Gather it again from its rows.")));
	buffer->in_pieces = true;
	sort->cxt = cxt;
	label_dict_new_mark(buffer->dict);
	for (int c = 0; c < KEY_CLASSES; c++)
	{
		int			recsize = record_size(c, buffer->rich);
		int64		n = event_list_records(buffer->lists[c], recsize);
		SortClass  *sc = &sort->classes[sort->nclasses];

		if (n == 0)
			continue;
		sc->kclass = c;
		sc->rich = buffer->rich;
		sc->recsize = recsize;
		sc->n = n;
		sort_class_begin(sort, sc, buffer, stats);
		sort->nclasses++;
	}
	buffer->in_pieces = false;
	return sort;
}

const uint32 *
event_sort_labels(const EventSort *sort, uint32 *n)
{
	*n = sort->nlabels;
	return sort->labels;
}

void
event_sort_rewind(EventSort *sort)
{
	sort->kclass = 0;
	sort->leaf = 0;
	sort->nitems = 0;
	sort->item = 0;
}

static void
record_get_key(const char *record, KeyClass kclass, Key *key)
{
	key->kclass = kclass;
	key->hi = get64(record);
	key->lo = 0;
	key->bytes = NULL;
	key->len = 0;
	if (kclass == KEY_TEXT)
	{
		ArenaText  *text = (ArenaText *) (uintptr_t) get64(record + 8);

		key->bytes = text->bytes;
		key->len = text->len;
	}
	else if (kclass != KEY_INT)
		key->lo = get64(record + 8);
}

static inline const char *
leaf_record(const LeafOrder *order, uint32 rec)
{
	if (likely(order->base != NULL))
		return order->base + (Size) rec * order->sc->recsize;
	return class_record(order->sc, order->start + rec);
}

static inline int
leaf_item_cmp(const LeafItem *a, const LeafItem *b, const LeafOrder *order)
{
	Key			x,
				y;

	if (a->digit != b->digit)
		return a->digit < b->digit ? -1 : 1;
	if (order->exact)
		return 0;
	record_get_key(leaf_record(order, a->rec), order->sc->kclass, &x);
	record_get_key(leaf_record(order, b->rec), order->sc->kclass, &y);
	return key_cmp(&x, &y);
}

#define ST_SORT sort_leaf_items
#define ST_ELEMENT_TYPE LeafItem
#define ST_COMPARE(a, b, order) leaf_item_cmp(a, b, order)
#define ST_COMPARE_ARG_TYPE const LeafOrder
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Sorts the few items of a bucket; all of one lead is the common case. */
static inline void
sort_bucket(LeafItem *items, int64 n, const LeafOrder *order)
{
	if (n > 8)
	{
		sort_leaf_items(items, (size_t) n, order);
		return;
	}
	for (int64 i = 1; i < n; i++)
	{
		LeafItem	item = items[i];
		int64		j = i;

		while (j > 0 && leaf_item_cmp(&items[j - 1], &item, order) > 0)
		{
			items[j] = items[j - 1];
			j--;
		}
		items[j] = item;
	}
}

/* Puts the items of a leaf into key order. */
static void
load_leaf(EventSort *sort, const SortClass *sc, const Leaf *leaf)
{
	const int64 n = leaf->n;
	const bool	in_a_row = leaf->start / EVENT_CHUNK_RECORDS ==
		(leaf->start + n - 1) / EVENT_CHUNK_RECORDS;
	/* bits of the key that digits leave out */
	const int	lossy = one_word(sc->kclass) ? 64 : Max(leaf->bits - 64, 0);
	const int	bits = Max(leaf->bits - lossy, 0);
	/* by buckets first: about as many as there are records */
	const int	shift = Max(bits - (pg_leftmost_one_pos64(n) + 1), 0);
	const int64 buckets = (int64) 1 << (bits - shift);
	uint32	   *counts;
	int64		i = 0;

	if (n > sort->aitems)
	{
		int64		size = Max(n, Min(LEAF_RECORDS, sort->aitems * 2));

		sort->aitems = 0;
		sort->items = enlarge(sort->cxt, sort->items, size * sizeof(LeafItem));
		sort->scratch = enlarge(sort->cxt, sort->scratch, size * sizeof(LeafItem));
		sort->aitems = size;
	}
	if (buckets + 1 > sort->acounts)
	{
		sort->acounts = 0;
		sort->counts = enlarge(sort->cxt, sort->counts, (buckets + 1) * sizeof(uint32));
		sort->acounts = buckets + 1;
	}
	sort->nitems = n;
	sort->item = 0;
	sort->order.sc = sc;
	sort->order.start = leaf->start;
	sort->order.base = in_a_row ? class_record(sc, leaf->start) : NULL;
	sort->order.exact = sc->kclass == KEY_INT || (sc->kclass != KEY_TEXT && lossy == 0);
	if (!in_a_row && n <= LEAF_RECORDS)
	{
		Size		size = (Size) n * sc->recsize;
		char	   *to;

		if (size > sort->acopy)
		{
			sort->acopy = 0;
			sort->copy = enlarge(sort->cxt, sort->copy, size);
			sort->acopy = size;
		}
		to = sort->copy;
		FOREACH_RUN(sc, leaf->start, n, from, end)
		{
			memcpy(to, from, (Size) (end - from));
			to += end - from;
		}
		sort->order.base = sort->copy;
	}

	counts = sort->counts;
	memset(counts, 0, (buckets + 1) * sizeof(uint32));
	FOREACH_RUN(sc, leaf->start, n, from, end)
	{
		CHECK_FOR_INTERRUPTS();
		for (const char *p = from; p < end; p += sc->recsize, i++)
		{
			uint64		digit;

			if (sc->kclass == KEY_INT)
				digit = get64(p) - (uint64) (leaf->min >> 64);
			else
				digit = (uint64) ((record_key(p, sc->kclass) - leaf->min) >> lossy);
			sort->scratch[i].digit = digit;
			sort->scratch[i].rec = (uint32) i;
			counts[(digit >> shift) + 1]++;
		}
	}
	for (int64 b = 1; b <= buckets; b++)
		counts[b] += counts[b - 1];
	FOR_INTERRUPTIBLE(k, n)
		sort->items[counts[sort->scratch[k].digit >> shift]++] = sort->scratch[k];
	/* counts[b] is now the end of bucket b */
	if (shift > 0 || !sort->order.exact)
	{
		int64		start = 0;

		for (int64 b = 0; b < buckets; b++)
		{
			int64		size = (int64) counts[b] - start;

			if (size > 1)
				sort_bucket(sort->items + start, size, &sort->order);
			start = counts[b];
		}
	}
}

/* Makes sure that items[item] is the next event; false at the end. */
static inline bool
next_leaf(EventSort *sort)
{
	while (sort->item >= sort->nitems)
	{
		SortClass  *sc;

		if (sort->kclass >= sort->nclasses)
			return false;
		sc = &sort->classes[sort->kclass];
		if (sort->leaf >= sc->nleaves)
		{
			sort->kclass++;
			sort->leaf = 0;
			continue;
		}
		load_leaf(sort, sc, &sc->leaves[sort->leaf++]);
	}
	return true;
}

bool
event_sort_peek(EventSort *sort, Key *key)
{
	SortClass  *sc;

	if (!next_leaf(sort))
		return false;
	sc = &sort->classes[sort->kclass];
	record_get_key(leaf_record(&sort->order, sort->items[sort->item].rec),
				   sc->kclass, key);
	return true;
}

/* The end of the items of the lead that begins at item i. */
static inline int64
lead_end(const EventSort *sort, int64 i)
{
	int64		j = i + 1;

	while (j < sort->nitems &&
		   leaf_item_cmp(&sort->items[i], &sort->items[j], &sort->order) == 0)
		check_interrupts_at(j++);
	return j;
}

bool
event_sort_next(EventSort *sort, const uint32 *map, Lead *lead)
{
	SortClass  *sc;
	int			at_offset;
	int64		i,
				j;
	bool		sorted = true;

	CHECK_FOR_INTERRUPTS();
	if (!next_leaf(sort))
		return false;
	sc = &sort->classes[sort->kclass];
	at_offset = key_words(sc->kclass) * 8;
	i = sort->item;
	j = lead_end(sort, i);
	record_get_key(leaf_record(&sort->order, sort->items[i].rec), sc->kclass,
				   &lead->key);
	lead->n = j - i;
	lead_reserve(lead, lead->n);
	for (int64 k = 0; i < j; i++, k++)
	{
		const char *p = leaf_record(&sort->order, sort->items[i].rec) + at_offset;
		int64		at = (int64) get64(p);
		uint32		label = map[get32(p + 8)];

		check_interrupts_at(k);
		lead->at[k] = at;
		lead->label[k] = label;
		if (k > 0 && (at < lead->at[k - 1] ||
					  (at == lead->at[k - 1] &&
					   (label < lead->label[k - 1] ||
						(lead->rich && label == lead->label[k - 1])))))
			sorted = false;
		if (lead->rich)
		{
			if (sc->rich)
				get_rich(p + 12, &lead->amount[k], &lead->ref[k]);
			else
				lead_set_plain(lead, k);
		}
	}
	sort->item = j;
	if (!sorted)
		lead_sort(lead);
	return true;
}
