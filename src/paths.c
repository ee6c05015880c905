/*
 * paths.c
 *	  A table of label sequences.
 *
 * A path is kept once, as the codes of its labels in as few bytes as the
 * number of labels allows; a hash table finds it by them. So what is kept
 * does not grow with names, and the text of a path is only made where one is
 * asked for.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "compat.h"
#include "interrupts.h"
#include "key.h"
#include "paths.h"

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
path_equal(const Paths *paths, uint32 a, uint32 b)
{
	const Path *x = &paths->paths[a];
	const Path *y = &paths->paths[b];

	return x->length == y->length &&
		memcmp(x->codes, y->codes, (Size) x->length * (Size) paths->width) == 0;
}

#define PATHS_OF(tb)	((const Paths *) (tb)->private_data)

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
paths_init(Paths *paths, const Label *labels, uint32 nlabels, MemoryContext cxt)
{
	memset(paths, 0, sizeof(Paths));
	paths->cxt = cxt;
	paths->labels = labels;
	paths->width = nlabels <= 256 ? 1 : nlabels <= 65536 ? 2 : 4;
	paths->allocated = 64;
	paths->paths = MemoryContextAlloc(cxt, paths->allocated * sizeof(Path));
	paths->scratch_size = 256;
	paths->scratch = MemoryContextAlloc(cxt, paths->scratch_size);
	paths->room_size = ROOM_MIN;
	paths->hash = pathhash_create(cxt, paths->allocated, paths);
}

void
paths_reserve(Paths *paths, int64 n)
{
	Size		size = (Size) n * (Size) paths->width;

	if (likely(size <= paths->scratch_size))
		return;
	size = Max(size, paths->scratch_size * 2);
	pfree(paths->scratch);
	paths->scratch = NULL;		/* in case of an error */
	paths->scratch = MemoryContextAllocHuge(paths->cxt, size);
	paths->scratch_size = size;
}

/* Copies codes to where they stay. Nothing is allocated for each path. */
static const char *
keep_codes(Paths *paths, const char *codes, Size size)
{
	char	   *kept;

	if (size > paths->room_size / 4)
		kept = MemoryContextAllocHuge(paths->cxt, size);
	else
	{
		if (size > paths->room_left)
		{
			paths->room_size = Min(paths->room_size * 2, ROOM_MAX);
			paths->room_left = paths->room_size;
			paths->room = MemoryContextAlloc(paths->cxt, paths->room_size);
		}
		kept = paths->room;
		/* codes of two or four bytes stay aligned, since all sizes are */
		paths->room += size;
		paths->room_left -= size;
	}
	memcpy(kept, codes, size);
	return kept;
}

uint32
paths_find(Paths *paths, int64 length)
{
	Path	   *path = &paths->paths[paths->npaths];
	Size		size = (Size) length * (Size) paths->width;
	uint64		hash = bytes_hash(paths->scratch, size);
	PathEntry  *entry;
	bool		found;

	path->codes = paths->scratch;
	path->length = length;
	path->hash = (uint32) (hash ^ hash >> 32);
	entry = pathhash_insert_hash(paths->hash, paths->npaths, path->hash, &found);
	if (found)
		return entry->path;

	if (paths->npaths == PG_UINT32_MAX - 1)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many different paths"),
				 errhint("Narrow the cohort to fewer leads or labels, with funnel.entered() or funnel.only().")));
	path->codes = keep_codes(paths, paths->scratch, size);
	path->count = path->second = 0;
	if (++paths->npaths == paths->allocated)
	{
		uint32		larger = (uint32) Min((uint64) paths->allocated * 2, PG_UINT32_MAX);

		paths->paths = repalloc_huge(paths->paths, (Size) larger * sizeof(Path));
		paths->allocated = larger;
	}
	return paths->npaths - 1;
}

/* ------------------------------------------------------------------------
 * The text of a path
 * ------------------------------------------------------------------------
 */

#define SEPARATOR_LENGTH	(sizeof(PATH_SEPARATOR) - 1)

uint64
path_text_length(const Paths *paths, const Path *path)
{
	uint64		length = (uint64) (path->length - 1) * SEPARATOR_LENGTH;

	FOR_INTERRUPTIBLE(i, path->length)
		length += paths->labels[path_label(paths, path, i)].len;
	return length;
}

void
path_text(const Paths *paths, const Path *path, char *text)
{
	FOR_INTERRUPTIBLE(i, path->length)
	{
		const Label *label = &paths->labels[path_label(paths, path, i)];

		if (i > 0)
		{
			memcpy(text, PATH_SEPARATOR, SEPARATOR_LENGTH);
			text += SEPARATOR_LENGTH;
		}
		memcpy(text, label->bytes, label->len);
		text += label->len;
	}
}

/* Reads the text of a path without making it, from one of its labels on. */
typedef struct TextCursor
{
	const Paths *paths;
	const Path *path;
	int64		next;			/* label */
	bool		separator;		/* is it due before that label? */
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
		label = &cursor->paths->labels[path_label(cursor->paths, cursor->path,
													 cursor->next++)];
		cursor->bytes = label->bytes;
		cursor->left = label->len;
		cursor->separator = true;
	}
	return true;
}

/* The order of their texts from label i on, bytewise. */
static int
text_cmp(const Paths *paths, const Path *a, const Path *b, int64 i)
{
	TextCursor	x = {.paths = paths, .path = a, .next = i};
	TextCursor	y = {.paths = paths, .path = b, .next = i};

	for (;;)
	{
		bool		more_x = text_cursor_fill(&x);
		bool		more_y = text_cursor_fill(&y);
		Size		size;
		int			c;

		check_interrupts_at(x.next);
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
 * The most frequent paths
 * ------------------------------------------------------------------------
 */

/* The order in which paths are shown: never equal for two of them. */
static int
path_cmp(const Paths *paths, uint32 x, uint32 y)
{
	const Path *a = &paths->paths[x];
	const Path *b = &paths->paths[y];
	int64		common = Min(a->length, b->length);
	int64		i = 0;
	int			c;

	CHECK_FOR_INTERRUPTS();
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	if (a->second != b->second)
		return a->second > b->second ? -1 : 1;
	while (i < common && path_label(paths, a, i) == path_label(paths, b, i))
		check_interrupts_at(i++);
	if (i < common)
	{
		c = text_cmp(paths, a, b, i);
		if (c != 0)
			return c;
		/* one text of two paths, where a label has the separator in it */
		if (a->length == b->length)
			return path_label(paths, a, i) < path_label(paths, b, i) ? -1 : 1;
	}
	return (a->length > b->length) - (a->length < b->length);
}

static int
chosen_cmp(const void *a, const void *b, void *paths)
{
	return path_cmp(paths, *(const uint32 *) a, *(const uint32 *) b);
}

/* Puts what is at place i of a heap, the last in order on top, where it belongs. */
static void
sift_down(const Paths *paths, uint32 *heap, int64 n, int64 i)
{
	uint32		path = heap[i];

	for (;;)
	{
		int64		child = 2 * i + 1;

		if (child >= n)
			break;
		if (child + 1 < n && path_cmp(paths, heap[child], heap[child + 1]) < 0)
			child++;
		if (path_cmp(paths, path, heap[child]) >= 0)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = path;
}

void
paths_choose(Paths *paths, int64 most)
{
	int64		n = Min(most, (int64) paths->npaths);
	uint32	   *chosen = MemoryContextAllocHuge(paths->cxt, (Size) Max(n, 1) * sizeof(uint32));

	FOR_INTERRUPTIBLE(i, n)
		chosen[i] = (uint32) i;
	if (n < paths->npaths)
	{
		/* a heap of the best so far: whatever is better replaces the last of them */
		for (int64 i = n / 2 - 1; i >= 0; i--)
			sift_down(paths, chosen, n, i);
		for (uint32 path = (uint32) n; path < paths->npaths; path++)
			if (path_cmp(paths, path, chosen[0]) < 0)
			{
				chosen[0] = path;
				sift_down(paths, chosen, n, 0);
			}
	}
	qsort_arg(chosen, (Size) n, sizeof(uint32), chosen_cmp, paths);
	paths->chosen = chosen;
	paths->nchosen = (uint32) n;
}

