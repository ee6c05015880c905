/*
 * variants.c
 *	  Counting the paths that leads take.
 *
 * A path is kept once, as the codes of its stages in as few bytes as the
 * number of stages allows; a hash table finds it by them. So what is kept
 * grows with leads and stays, not with names, and the text of a path is only
 * made where one is asked for.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "variants.h"

#define ROOM_MIN	(64 * 1024)
#define ROOM_MAX	(4 * 1024 * 1024)

/* A place in the hash table; the path itself lies in the array. */
typedef struct PathEntry
{
	uint32		path;
	uint32		hash;
	char		status;
} PathEntry;

static inline bool
path_equal(const Variants *variants, uint32 a, uint32 b)
{
	const Path *x = &variants->paths[a];
	const Path *y = &variants->paths[b];

	return x->length == y->length &&
		memcmp(x->codes, y->codes, (Size) x->length * (Size) variants->width) == 0;
}

#define PATHS_OF(tb)	((const Variants *) (tb)->private_data)

#define SH_PREFIX pathhash
#define SH_ELEMENT_TYPE PathEntry
#define SH_KEY_TYPE uint32
#define SH_KEY path
#define SH_HASH_KEY(tb, key) (PATHS_OF(tb)->paths[key].hash)
#define SH_EQUAL(tb, a, b) path_equal(PATHS_OF(tb), a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) ((a)->hash)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

void
variants_begin(Variants *variants, const Label *labels, uint32 nstages,
			   MemoryContext cxt)
{
	memset(variants, 0, sizeof(Variants));
	variants->cxt = cxt;
	variants->labels = labels;
	variants->nstages = nstages;
	variants->width = nstages <= 256 ? 1 : nstages <= 65536 ? 2 : 4;
	variants->allocated = 64;
	variants->paths = MemoryContextAlloc(cxt, variants->allocated * sizeof(Path));
	variants->scratch_size = 256;
	variants->scratch = MemoryContextAlloc(cxt, variants->scratch_size);
	variants->room_size = ROOM_MIN;
	variants->leads_allocated = 1024;
	variants->lead_path = MemoryContextAlloc(cxt, variants->leads_allocated * sizeof(uint32));
	variants->lead_time = MemoryContextAlloc(cxt, variants->leads_allocated * sizeof(uint64));
	variants->hash = pathhash_create(cxt, variants->allocated, variants);
}

/* Copies codes to where they stay. Nothing is allocated for each path. */
static const char *
keep_codes(Variants *variants, const char *codes, Size size)
{
	char	   *kept;

	if (size > variants->room_size / 4)
		kept = MemoryContextAllocHuge(variants->cxt, size);
	else
	{
		if (size > variants->room_left)
		{
			variants->room_size = Min(variants->room_size * 2, ROOM_MAX);
			variants->room_left = variants->room_size;
			variants->room = MemoryContextAlloc(variants->cxt, variants->room_size);
		}
		kept = variants->room;
		/* codes of two or four bytes stay aligned, since all sizes are */
		variants->room += size;
		variants->room_left -= size;
	}
	memcpy(kept, codes, size);
	return kept;
}

/* The number of the path in scratch, which is as many stays long. */
static uint32
find_path(Variants *variants, int64 length)
{
	Path	   *path = &variants->paths[variants->npaths];
	Size		size = (Size) length * (Size) variants->width;
	uint64		hash = bytes_hash(variants->scratch, size);
	PathEntry  *entry;
	bool		found;

	path->codes = variants->scratch;
	path->length = length;
	path->hash = (uint32) (hash ^ hash >> 32);
	entry = pathhash_insert_hash(variants->hash, variants->npaths, path->hash, &found);
	if (found)
		return entry->path;

	if (variants->npaths == PG_UINT32_MAX - 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many different paths"),
				 errhint("Narrow the cohort to fewer leads or stages, with funnel.entered() or funnel.only().")));
	path->codes = keep_codes(variants, variants->scratch, size);
	path->leads = 0;
	if (++variants->npaths == variants->allocated)
	{
		uint32		larger = (uint32) Min((uint64) variants->allocated * 2, PG_UINT32_MAX);

		variants->paths = repalloc_huge(variants->paths, (Size) larger * sizeof(Path));
		variants->allocated = larger;
	}
	return variants->npaths - 1;
}

void
variants_add(Variants *variants, const Lead *lead, int64 n)
{
	int64		previous = -1;	/* stage event before */
	int64		length = 0;
	int64		first_at = 0;
	int64		last_at = 0;	/* of entries */
	Size		size = (Size) n * (Size) variants->width;
	uint32		path;

	if (unlikely(size > variants->scratch_size))
	{
		variants->scratch_size = Max(size, variants->scratch_size * 2);
		pfree(variants->scratch);
		variants->scratch = MemoryContextAllocHuge(variants->cxt, variants->scratch_size);
	}
	for (int64 i = 0; i < n; i++)
	{
		uint32		stage = lead->label[i];

		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		if (stage >= variants->nstages)
			continue;
		if (previous < 0 || !same_stay(lead, previous, i))
		{
			if (previous < 0)
				first_at = lead->at[i];
			last_at = lead->at[i];
			switch (variants->width)
			{
				case 1:
					((uint8 *) variants->scratch)[length++] = (uint8) stage;
					break;
				case 2:
					((uint16 *) variants->scratch)[length++] = (uint16) stage;
					break;
				default:
					((uint32 *) variants->scratch)[length++] = stage;
			}
		}
		previous = i;
	}
	if (length == 0)
		return;

	path = find_path(variants, length);
	variants->paths[path].leads++;
	if (variants->nleads == variants->leads_allocated)
	{
		variants->leads_allocated *= 2;
		variants->lead_path = repalloc_huge(variants->lead_path,
											variants->leads_allocated * sizeof(uint32));
		variants->lead_time = repalloc_huge(variants->lead_time,
											variants->leads_allocated * sizeof(uint64));
	}
	variants->lead_path[variants->nleads] = path;
	/* in unsigned, because the range of times is wider than an int64 */
	variants->lead_time[variants->nleads] = (uint64) last_at - (uint64) first_at;
	variants->nleads++;
}

/* ------------------------------------------------------------------------
 * The text of a path
 * ------------------------------------------------------------------------
 */

#define SEPARATOR_LENGTH	(sizeof(PATH_SEPARATOR) - 1)

uint64
path_text_length(const Variants *variants, const Path *path)
{
	uint64		length = (uint64) (path->length - 1) * SEPARATOR_LENGTH;

	for (int64 i = 0; i < path->length; i++)
		length += variants->labels[path_stage(variants, path, i)].len;
	return length;
}

void
path_text(const Variants *variants, const Path *path, char *text)
{
	for (int64 i = 0; i < path->length; i++)
	{
		const Label *label = &variants->labels[path_stage(variants, path, i)];

		if (i > 0)
		{
			memcpy(text, PATH_SEPARATOR, SEPARATOR_LENGTH);
			text += SEPARATOR_LENGTH;
		}
		memcpy(text, label->bytes, label->len);
		text += label->len;
	}
}

/* Reads the text of a path without making it, from one of its stays on. */
typedef struct TextCursor
{
	const Variants *variants;
	const Path *path;
	int64		next;			/* stay */
	bool		separator;		/* is it due before that stay? */
	const char *bytes;			/* not yet read of what is at hand */
	Size		left;
} TextCursor;

/* Sees to it that there are bytes at hand; false at the end. */
static bool
text_cursor_fill(TextCursor *cursor)
{
	while (cursor->left == 0)
	{
		const Label *label;

		if (cursor->next == cursor->path->length)
			return false;
		if (cursor->separator)
		{
			cursor->bytes = PATH_SEPARATOR;
			cursor->left = SEPARATOR_LENGTH;
			cursor->separator = false;
			continue;
		}
		label = &cursor->variants->labels[path_stage(cursor->variants, cursor->path,
													 cursor->next++)];
		cursor->bytes = label->bytes;
		cursor->left = label->len;
		cursor->separator = true;
	}
	return true;
}

/* The order of their texts from stay i on, bytewise. */
static int
text_cmp(const Variants *variants, const Path *a, const Path *b, int64 i)
{
	TextCursor	x = {.variants = variants, .path = a, .next = i};
	TextCursor	y = {.variants = variants, .path = b, .next = i};

	for (;;)
	{
		bool		more_x = text_cursor_fill(&x);
		bool		more_y = text_cursor_fill(&y);
		Size		size;
		int			c;

		if (!more_x || !more_y)
			return more_x - more_y;
		size = Min(x.left, y.left);
		c = memcmp(x.bytes, y.bytes, size);
		if (c != 0)
			return c;
		x.bytes += size;
		x.left -= size;
		y.bytes += size;
		y.left -= size;
	}
}

/* ------------------------------------------------------------------------
 * The paths of most leads
 * ------------------------------------------------------------------------
 */

/* The order in which paths are shown: never equal for two of them. */
static int
path_cmp(const Variants *variants, uint32 x, uint32 y)
{
	const Path *a = &variants->paths[x];
	const Path *b = &variants->paths[y];
	int64		common = Min(a->length, b->length);
	int64		i = 0;
	int			c;

	if (a->leads != b->leads)
		return a->leads > b->leads ? -1 : 1;
	CHECK_FOR_INTERRUPTS();
	while (i < common && path_stage(variants, a, i) == path_stage(variants, b, i))
		i++;
	if (i < common)
	{
		c = text_cmp(variants, a, b, i);
		if (c != 0)
			return c;
		/* one text of two paths, where a stage's name has the separator in it */
		if (a->length == b->length)
			return path_stage(variants, a, i) < path_stage(variants, b, i) ? -1 : 1;
	}
	return (a->length > b->length) - (a->length < b->length);
}

static int
chosen_cmp(const void *a, const void *b, void *variants)
{
	return path_cmp(variants, *(const uint32 *) a, *(const uint32 *) b);
}

/* Puts what is at place i of a heap, the last in order on top, where it belongs. */
static void
sift_down(const Variants *variants, uint32 *heap, int64 n, int64 i)
{
	uint32		path = heap[i];

	for (;;)
	{
		int64		child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && path_cmp(variants, heap[child], heap[child + 1]) < 0)
			child++;
		if (path_cmp(variants, path, heap[child]) >= 0)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = path;
}

/* Gathers the times of the leads on chosen paths, those of a path together. */
static void
gather_times(Variants *variants)
{
	int64		n = 0;

	for (uint32 i = 0; i < variants->npaths; i++)
		variants->paths[i].times = -1;
	for (uint32 i = 0; i < variants->nchosen; i++)
	{
		Path	   *path = &variants->paths[variants->chosen[i]];

		path->times = n;
		n += path->leads;
	}
	variants->times = MemoryContextAllocHuge(variants->cxt, (Size) Max(n, 1) * sizeof(uint64));
	for (int64 i = 0; i < variants->nleads; i++)
	{
		Path	   *path = &variants->paths[variants->lead_path[i]];

		if (path->times >= 0)
			variants->times[path->times++] = variants->lead_time[i];
	}
	for (uint32 i = 0; i < variants->nchosen; i++)
	{
		Path	   *path = &variants->paths[variants->chosen[i]];

		path->times -= path->leads;
	}
}

void
variants_choose(Variants *variants, int64 most)
{
	int64		n = Min(most, (int64) variants->npaths);
	uint32	   *chosen = MemoryContextAllocHuge(variants->cxt, (Size) Max(n, 1) * sizeof(uint32));

	for (int64 i = 0; i < n; i++)
		chosen[i] = (uint32) i;
	if (n < variants->npaths)
	{
		/* a heap of the best so far: whatever is better replaces the last of them */
		for (int64 i = n / 2 - 1; i >= 0; i--)
			sift_down(variants, chosen, n, i);
		for (uint32 path = (uint32) n; path < variants->npaths; path++)
			if (path_cmp(variants, path, chosen[0]) < 0)
			{
				chosen[0] = path;
				sift_down(variants, chosen, n, 0);
			}
	}
	qsort_arg(chosen, (Size) n, sizeof(uint32), chosen_cmp, variants);
	variants->chosen = chosen;
	variants->nchosen = (uint32) n;
	gather_times(variants);
}

double
path_median_days(const Variants *variants, const Path *path)
{
	Samples		samples;

	samples_init(&samples, variants->cxt);
	samples.values = &variants->times[path->times];
	samples.n = path->leads;
	return samples_quantile(&samples, 0.5);
}
