/*
 * lead_stream.c
 *	  The leads of a cohort, whatever its form: a stored value, a pile of them,
 *	  a buffer of events, or a buffer and a pile; and packing them again.
 *
 * All sources deliver leads in one order, so that they are merged as they are
 * read. Their dictionaries are united first; where that changes the order of
 * labels, or a lead has events in several sources, its events are sorted.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "cohort.h"
#include "cohort_run.h"
#include "compat.h"
#include "interrupts.h"
#include "memory.h"
#include "trace.h"

void
cohort_init(Cohort *cohort, MemoryContext cxt)
{
	memset(cohort, 0, sizeof(Cohort));
	cohort->cxt = cxt;
}

void
cohort_add_opened(Cohort *cohort, const FlatCohort *piece)
{
	MemoryContext old = MemoryContextSwitchTo(cohort->cxt);

	if (cohort->npieces == cohort->apieces)
	{
		cohort->apieces = Max(cohort->apieces * 2, 1);
		if (cohort->pieces == NULL)
			cohort->pieces = palloc(cohort->apieces * sizeof(FlatCohort));
		else
			cohort->pieces = repalloc_huge(cohort->pieces,
										   cohort->apieces * sizeof(FlatCohort));
	}
	cohort->pieces[cohort->npieces++] = *piece;
	MemoryContextSwitchTo(old);
}

void
cohort_add_piece(Cohort *cohort, const char *data, Size size)
{
	MemoryContext old = MemoryContextSwitchTo(cohort->cxt);
	FlatCohort	piece;

	flat_cohort_open(&piece, data, size);
	MemoryContextSwitchTo(old);
	cohort_add_opened(cohort, &piece);
}

bool
cohort_has_runs(const Cohort *cohort)
{
	for (int i = 0; i < cohort->npieces; i++)
		if (cohort->pieces[i].run != NULL)
			return true;
	return false;
}

/* A count of rows that came from outside can be anything: no overflow. */
static int64
add_ignored(int64 a, int64 b)
{
	return a > PG_INT64_MAX - b ? PG_INT64_MAX : a + b;
}

void
cohort_settle(Cohort *cohort)
{
	if (cohort->sort != NULL)
		return;
	if (cohort->buffer == NULL)
		return;
	event_stats_init(&cohort->sort_stats);
	cohort->sort = event_sort_begin(cohort->buffer, &cohort->sort_stats,
									cohort->cxt);
}

/* A label of one source on its way into the united dictionary. */
typedef struct SourceLabel
{
	Label		label;
	uint32	   *code;			/* where its code is to go */
} SourceLabel;

static inline int
source_label_cmp(const SourceLabel *a, const SourceLabel *b)
{
	const Label *x = &a->label;
	const Label *y = &b->label;
	int			c;

	if (x->touch != y->touch)
		return x->touch ? 1 : -1;
	c = memcmp(x->bytes, y->bytes, Min(x->len, y->len));
	if (c != 0)
		return c;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

typedef struct UnitedLabel
{
	Label		label;
	uint32		group;
} UnitedLabel;

#define ST_SORT sort_source_labels
#define ST_ELEMENT_TYPE SourceLabel
#define ST_COMPARE(a, b) source_label_cmp(a, b)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

#define ST_SORT sort_united_labels
#define ST_ELEMENT_TYPE UnitedLabel
#define ST_COMPARE(a, b) label_cmp(&(a)->label, &(b)->label)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Unites the dictionaries of all sources and fills the maps to it. */
static void
unite_labels(LeadStream *stream)
{
	Cohort	   *cohort = stream->cohort;
	LabelDict  *dict = cohort->buffer ? cohort->buffer->dict : NULL;
	const uint32 *codes = NULL;
	uint32		ncodes = 0;
	Size		total;
	SourceLabel *all;
	UnitedLabel *united;
	uint32	   *code_of_group;
	Size		n = 0;

	if (dict != NULL)
		codes = event_sort_labels(cohort->sort, &ncodes);
	total = ncodes;
	for (int i = 0; i < cohort->npieces; i++)
		total += cohort->pieces[i].nlabels;
	all = palloc_extended((total + 1) * sizeof(SourceLabel), MCXT_ALLOC_HUGE);
	for (int i = 0; i < cohort->npieces; i++)
	{
		FlatCohort *flat = &cohort->pieces[i];

		stream->maps[i] = palloc_extended((flat->nlabels + 1) * sizeof(uint32),
										  MCXT_ALLOC_HUGE);
		FOR_INTERRUPTIBLE(j, flat->nlabels)
		{
			all[n].label = flat->labels[j];
			all[n++].code = &stream->maps[i][j];
		}
	}
	if (dict != NULL)
	{
		/* set, and read, only for labels that occur */
		stream->sort_map = palloc_extended(((Size) dict->nlabels + 1) * sizeof(uint32),
										   MCXT_ALLOC_HUGE);
		FOR_INTERRUPTIBLE(j, ncodes)
		{
			all[n].label = dict->labels[codes[j]];
			all[n++].code = &stream->sort_map[codes[j]];
		}
	}

	/* equal labels come together, the one with the smallest rank first */
	sort_source_labels(all, n);
	united = palloc_extended((n + 1) * sizeof(UnitedLabel), MCXT_ALLOC_HUGE);
	FOR_INTERRUPTIBLE(i, (int64) n)
	{
		if (i == 0 || !label_equal(&all[i].label, &all[i - 1].label))
		{
			united[stream->nlabels].label = all[i].label;
			united[stream->nlabels].group = stream->nlabels;
			stream->nlabels++;
		}
		*all[i].code = stream->nlabels - 1;
	}
	sort_united_labels(united, stream->nlabels);
	stream->labels = palloc_extended(((Size) stream->nlabels + 1) * sizeof(Label),
									 MCXT_ALLOC_HUGE);
	code_of_group = palloc_extended(((Size) stream->nlabels + 1) * sizeof(uint32),
									MCXT_ALLOC_HUGE);
	FOR_INTERRUPTIBLE(i, stream->nlabels)
	{
		stream->labels[i] = united[i].label;
		code_of_group[united[i].group] = (uint32) i;
		if (!united[i].label.touch)
			stream->nstages = (uint32) i + 1;
	}
	FOR_INTERRUPTIBLE(i, (int64) n)
		*all[i].code = code_of_group[*all[i].code];
	for (int i = 0; i < cohort->npieces; i++)
		FOR_INTERRUPTIBLE(j, cohort->pieces[i].nlabels)
			if (j > 0 && stream->maps[i][j - 1] > stream->maps[i][j])
				stream->resort[i] = true;
	pfree(all);
	pfree(united);
	pfree(code_of_group);
}

LeadStream *
lead_stream_open(Cohort *cohort, MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	LeadStream *stream = palloc0(sizeof(LeadStream));

	cohort_settle(cohort);
	stream->cohort = cohort;
	stream->ignored = cohort->ignored;
	stream->ncursors = cohort->npieces;
	event_stats_init(&stream->stats);
	if (cohort->sort != NULL)
		event_stats_merge(&stream->stats, &cohort->sort_stats);
	for (int i = 0; i < cohort->npieces; i++)
	{
		event_stats_merge(&stream->stats, &cohort->pieces[i].stats);
		stream->ignored = add_ignored(stream->ignored, cohort->pieces[i].ignored);
	}
	stream->cursors = palloc((cohort->npieces + 1) * sizeof(FlatCursor));
	stream->maps = palloc0((cohort->npieces + 1) * sizeof(uint32 *));
	stream->resort = palloc0((cohort->npieces + 1) * sizeof(bool));
	stream->heap = palloc((cohort->npieces + 1) * sizeof(int));
	stream->readers = palloc0((cohort->npieces + 1) * sizeof(RunReader *));
	for (int i = 0; i < cohort->npieces; i++)
		if (cohort->pieces[i].run != NULL)
			stream->readers[i] = run_reader_create(&cohort->pieces[i], cxt);
	if (cohort->npieces == 1 && cohort->sort == NULL)
	{
		stream->labels = cohort->pieces[0].labels;
		stream->nlabels = cohort->pieces[0].nlabels;
		stream->nstages = cohort->pieces[0].nstages;
	}
	else
		unite_labels(stream);
	lead_init(&stream->lead, stream->stats.rich, cxt);
	MemoryContextSwitchTo(old);
	lead_stream_rewind(stream);
	return stream;
}

void
lead_stream_rewind(LeadStream *stream)
{
	stream->nheap = -1;
	stream->nread = 0;
	for (int i = 0; i < stream->ncursors; i++)
	{
		if (stream->readers[i] != NULL)
			run_reader_rewind(stream->readers[i]);
		flat_cursor_init(&stream->cursors[i], &stream->cohort->pieces[i], stream->readers[i]);
	}
	if (stream->cohort->sort != NULL)
		event_sort_rewind(stream->cohort->sort);
}

/* Sources with a lead to deliver are in a heap, that of the first lead on top. */
static inline const Key *
source_key(const LeadStream *stream, int source)
{
	return source == stream->ncursors ? &stream->sort_key : &stream->cursors[source].key;
}

/* Reads the key of a source's next lead; false at its end. */
static bool
source_peek(LeadStream *stream, int source)
{
	if (source == stream->ncursors)
		return stream->cohort->sort != NULL &&
			event_sort_peek(stream->cohort->sort, &stream->sort_key);
	return flat_cursor_peek(&stream->cursors[source]);
}

/* The sort comes before pieces: it does not append to a lead. */
static inline int
source_cmp(const LeadStream *stream, int a, int b)
{
	int			c = key_cmp(source_key(stream, a), source_key(stream, b));

	return c != 0 ? c : (b == stream->ncursors) - (a == stream->ncursors);
}

static void
sift_down(LeadStream *stream, int i)
{
	int		   *heap = stream->heap;
	int			source = heap[i];

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= stream->nheap)
			break;
		if (child + 1 < stream->nheap &&
			source_cmp(stream, heap[child + 1], heap[child]) < 0)
			child++;
		if (source_cmp(stream, source, heap[child]) <= 0)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = source;
}

/* The next lead where there are several sources. */
static bool
merge_next(LeadStream *stream)
{
	Lead	   *lead = &stream->lead;
	Key			min;
	bool		resort = false;
	int			sources = 0;

	if (stream->nheap < 0)
	{
		stream->nheap = 0;
		for (int source = 0; source <= stream->ncursors; source++)
			if (source_peek(stream, source))
				stream->heap[stream->nheap++] = source;
		for (int i = stream->nheap / 2 - 1; i >= 0; i--)
			sift_down(stream, i);
	}
	if (stream->nheap == 0)
		return false;
	min = *source_key(stream, stream->heap[0]);
	lead->n = 0;
	while (stream->nheap > 0 && (sources == 0 || key_cmp(source_key(stream, stream->heap[0]), &min) == 0))
	{
		int			source = stream->heap[0];

		if (source == stream->ncursors)
			event_sort_next(stream->cohort->sort, stream->sort_map, lead);
		else
		{
			FlatCursor *cursor = &stream->cursors[source];

			lead_reserve(lead, lead->n + cursor->n);
			flat_cursor_read(cursor, stream->maps[source], lead);
			resort |= stream->resort[source];
		}
		sources++;
		if (!source_peek(stream, source))
			stream->heap[0] = stream->heap[--stream->nheap];
		if (stream->nheap > 0)
			sift_down(stream, 0);
	}
	lead->key = min;
	if (resort || sources > 1)
		lead_sort(lead);
	return true;
}

static inline bool
next_lead(LeadStream *stream)
{
	CHECK_FOR_INTERRUPTS();
	if (stream->ncursors == 0)
	{
		if (stream->cohort->sort == NULL)
			return false;
		return event_sort_next(stream->cohort->sort, stream->sort_map,
							   &stream->lead);
	}
	if (stream->ncursors == 1 && stream->cohort->sort == NULL)
	{
		FlatCursor *cursor = &stream->cursors[0];

		if (!flat_cursor_peek(cursor))
			return false;
		stream->lead.key = cursor->key;
		stream->lead.n = 0;
		lead_reserve(&stream->lead, cursor->n);
		flat_cursor_read(cursor, NULL, &stream->lead);
		return true;
	}
	return merge_next(stream);
}

bool
lead_stream_next(LeadStream *stream)
{
	if (likely(next_lead(stream)))
	{
		stream->nread++;
		return true;
	}
	trace_read(stream);
	return false;
}

uint32
lead_stream_find(LeadStream *stream, bool touch, const char *bytes, uint32 len)
{
	uint32		code;

	if (stream->dict == NULL)
	{
		/* added in order: their codes are those of the stream */
		stream->dict = label_dict_create(stream->nlabels, CurrentMemoryContext);
		FOR_INTERRUPTIBLE(i, stream->nlabels)
			label_dict_add(stream->dict, stream->labels[i].touch,
						   stream->labels[i].bytes, stream->labels[i].len,
						   stream->labels[i].rank);
	}
	code = label_dict_find(stream->dict, touch, bytes, len);
	Assert(code <= stream->nlabels);
	return code;
}

/* What the events that a filter leaves have in common. */
static void
survey_filtered(LeadStream *stream, LeadFilter filter, void *arg,
				EventStats *stats, bool *used)
{
	Lead	   *lead = &stream->lead;

	event_stats_init(stats);
	while (lead_stream_next(stream))
	{
		if (!filter(lead, arg) || lead->n == 0)
			continue;
		FOR_INTERRUPTIBLE(i, lead->n)
		{
			event_stats_add_time(stats, lead->at[i]);
			used[lead->label[i]] = true;
			if (lead->rich && (lead->amount[i].kind != AMOUNT_NONE ||
							   lead->ref[i].kclass != KEY_NONE))
				stats->rich = true;
		}
		stats->events += lead->n;
	}
}

struct varlena *
cohort_pack(LeadStream *stream, LeadFilter filter, void *arg,
			const Label *labels, uint32 nstages, uint32 nlabels,
			MemoryContext cxt)
{
	FlatWriter	writer;
	EventStats	stats = stream->stats;
	uint32	   *map = NULL;

	if (labels == NULL)
	{
		labels = stream->labels;
		nstages = stream->nstages;
		nlabels = stream->nlabels;
	}
	if (filter != NULL)
	{
		bool	   *used = palloc0((Size) nlabels + 1);
		Label	   *kept = palloc_extended(((Size) nlabels + 1) * sizeof(Label),
										   MCXT_ALLOC_HUGE);
		uint32		nkept = 0;
		uint32		kept_stages = 0;

		survey_filtered(stream, filter, arg, &stats, used);
		lead_stream_rewind(stream);
		map = palloc0(((Size) nlabels + 1) * sizeof(uint32));
		FOR_INTERRUPTIBLE(i, nlabels)
		{
			if (!used[i])
				continue;
			kept[nkept] = labels[i];
			map[i] = nkept++;
			if (i < nstages)
				kept_stages++;
		}
		pfree(used);
		labels = kept;
		nlabels = nkept;
		nstages = kept_stages;
	}
	flat_writer_init(&writer, labels, nstages, nlabels, &stats, stream->ignored,
					 cxt);
	while (lead_stream_next(stream))
		if (filter == NULL || (filter(&stream->lead, arg) && stream->lead.n > 0))
			flat_writer_add(&writer, &stream->lead, map);
	return flat_writer_finish(&writer);
}

struct varlena *
cohort_flatten(Cohort *cohort, MemoryContext cxt)
{
	LeadStream *stream;
	struct varlena *result;

	if (cohort->npieces == 1 && cohort->buffer == NULL && cohort->ignored == 0 &&
		cohort->pieces[0].run == NULL)
	{
		FlatCohort *flat = &cohort->pieces[0];

		result = enlarge(cxt, NULL, VARHDRSZ + flat->size);
		SET_VARSIZE(result, VARHDRSZ + flat->size);
		copy_bytes(VARDATA(result), flat->data, flat->size);
		return result;
	}
	stream = lead_stream_open(cohort, cxt);
	return cohort_pack(stream, NULL, NULL, NULL, 0, 0, cxt);
}
