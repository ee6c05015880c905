/*
 * cohort_run.c
 *	  Writing and reading runs.
 *
 * In the file a run is a sequence of blocks, each its length and as many whole
 * leads; what stands in the header of a stored form stays in memory.
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/tablespace.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "cohort_run.h"
#include "compat.h"
#include "interrupts.h"
#include "trace.h"

#define RUN_BLOCK		(16 * 1024)	/* a block is written when it is as long */
#define RUNS_MERGED		64		/* so many runs of one level become one of the next */

/* A place in a file. */
typedef struct RunPlace
{
	int			fileno;
	off_t		offset;
} RunPlace;

/*
 * The file that the runs of one memory context are in. Two may close it: the end of the
 * memory that it belongs to, and the end of its resource owner. A cursor that
 * failed loses its resources when the savepoint is rolled back, its memory much
 * later; so files are listed, and those whose owner closes them are known.
 */
typedef struct RunFile
{
	dlist_node	node;			/* in open_files, unless it is closed */
	BufFile    *file;
	MemoryContext cxt;
	ResourceOwner owner;
	bool		closed;
	RunPlace	end;
} RunFile;

static dlist_head open_files = DLIST_STATIC_INIT(open_files);

typedef struct RunExtent
{
	RunFile    *file;
	RunPlace	start;
	int64		nblocks;
	uint32		longest;		/* block */
	int			level;			/* 0: of events from memory; otherwise of runs */
	int64		bytes;
} RunExtent;

static void
seek(BufFile *file, const RunPlace *place)
{
	if (BufFileSeek(file, place->fileno, place->offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file: %m")));
}

/* ------------------------------------------------------------------------
 * Writing
 * ------------------------------------------------------------------------
 */

static void
write_block(FlatWriter *writer)
{
	RunExtent  *extent = writer->sink_arg;
	RunFile    *file = extent->file;
	uint32		length = (uint32) writer->used;

	if (writer->used > PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("lead has too many events"),
				 errdetail("Packed, they take more than 4 GB."),
				 errhint("Look whether a placeholder has become the key of a lead.")));
	extent->longest = Max(extent->longest, length);
	CHECK_FOR_INTERRUPTS();
	/* another run of the file may have been read meanwhile */
	seek(file->file, &file->end);
	BufFileWrite(file->file, &length, sizeof(length));
	for (Size done = 0; done < length; done += INTERRUPT_BYTES)
	{
		CHECK_FOR_INTERRUPTS();
		BufFileWrite(file->file, writer->buf + done, Min(length - done, INTERRUPT_BYTES));
	}
	BufFileTell(file->file, &file->end.fileno, &file->end.offset);
	extent->nblocks++;
	extent->bytes += (int64) sizeof(length) + length;
	writer->used = 0;
}

static void
block_is_due(FlatWriter *writer)
{
	if (writer->used >= RUN_BLOCK)
		write_block(writer);
}

/* The memory that a file belongs to goes. */
static void
memory_is_gone(void *arg)
{
	RunFile    *file = arg;

	if (file->closed)
		return;
	dlist_delete(&file->node);
	file->closed = true;
	/* while a transaction is being rolled back, its resource owners do it */
	if (IsTransactionState())
		BufFileClose(file->file);
}

/* A resource owner is about to close its files. */
static void
owner_is_gone(ResourceReleasePhase phase, bool isCommit, bool isTopLevel, void *arg)
{
	dlist_mutable_iter iter;

	if (phase != RESOURCE_RELEASE_BEFORE_LOCKS)
		return;
	dlist_foreach_modify(iter, &open_files)
	{
		RunFile    *file = dlist_container(RunFile, node, iter.cur);

		if (file->owner != CurrentResourceOwner)
			continue;
		dlist_delete(&file->node);
		file->closed = true;
	}
}

/* The file for runs of a cohort. */
static RunFile *
run_file(const Cohort *cohort)
{
	static bool listening = false;
	dlist_iter	iter;
	RunFile    *file;
	MemoryContextCallback *callback;

	if (!listening)
	{
		RegisterResourceReleaseCallback(owner_is_gone, NULL);
		listening = true;
	}
	dlist_foreach(iter, &open_files)
	{
		file = dlist_container(RunFile, node, iter.cur);
		if (file->cxt == cohort->cxt && file->owner == CurrentResourceOwner)
			return file;
	}
	file = MemoryContextAllocZero(cohort->cxt, sizeof(RunFile));
	callback = MemoryContextAllocZero(cohort->cxt, sizeof(MemoryContextCallback));
	callback->func = memory_is_gone;
	callback->arg = file;
	PrepareTempTablespaces();
	file->cxt = cohort->cxt;
	file->owner = CurrentResourceOwner;
	file->file = BufFileCreateTemp(false);
	dlist_push_head(&open_files, &file->node);
	MemoryContextRegisterResetCallback(cohort->cxt, callback);
	return file;
}

/*
 * The labels of a stream for a run: those of another one, if they are the same.
 * Texts are copied if those of the stream will not last.
 */
static Label *
keep_labels(const Cohort *cohort, const LeadStream *stream, bool copy)
{
	Label	   *labels;

	for (int i = cohort->npieces - 1; i >= 0; i--)
	{
		const FlatCohort *run = &cohort->pieces[i];
		uint32		same = 0;

		if (run->run == NULL || run->nlabels != stream->nlabels)
			continue;
		while (same < run->nlabels &&
			   label_cmp(&run->labels[same], &stream->labels[same]) == 0)
			same++;
		if (same == run->nlabels)
			return run->labels;
		break;
	}
	labels = palloc_extended(((Size) stream->nlabels + 1) * sizeof(Label), MCXT_ALLOC_HUGE);
	memcpy(labels, stream->labels, stream->nlabels * sizeof(Label));
	for (uint32 i = 0; copy && i < stream->nlabels; i++)
	{
		char	   *bytes = palloc(labels[i].len + 1);

		memcpy(bytes, labels[i].bytes, labels[i].len);
		labels[i].bytes = bytes;
	}
	return labels;
}

/* Writes what is read of source to a run, which becomes a piece of the cohort. */
static void
write_run(Cohort *cohort, Cohort *source, int level, bool copy_labels)
{
	MemoryContext work = source->cxt;
	MemoryContext old = MemoryContextSwitchTo(cohort->cxt);
	RunExtent  *extent = palloc0(sizeof(RunExtent));
	FlatCohort	run;
	LeadStream *stream;
	FlatWriter	writer;

	extent->file = run_file(cohort);
	extent->start = extent->file->end;
	extent->level = level;

	MemoryContextSwitchTo(work);
	stream = lead_stream_open(source, work);
	stream->untraced = true;
	flat_writer_init_sink(&writer, stream->labels, stream->nstages, stream->nlabels,
						  &stream->stats, block_is_due, extent, work);
	while (lead_stream_next(stream))
		flat_writer_add(&writer, &stream->lead, NULL);
	if (writer.used > 0)
		write_block(&writer);

	MemoryContextSwitchTo(cohort->cxt);
	memset(&run, 0, sizeof(run));
	run.run = extent;
	run.rich = stream->stats.rich;
	run.ignored = stream->ignored;
	run.stats = stream->stats;
	run.stats.events = writer.nevents;
	memcpy(run.nleads, writer.nleads, sizeof(run.nleads));
	run.nstages = stream->nstages;
	run.nlabels = stream->nlabels;
	run.labels = keep_labels(cohort, stream, copy_labels);
	cohort_add_opened(cohort, &run);
	trace_spilled(cohort);
	MemoryContextSwitchTo(old);
}

/* Moves pieces of the cohort that are in memory, or runs of a level, to another one. */
static void
take_pieces(Cohort *to, Cohort *cohort, int level)
{
	int			left = 0;

	for (int i = 0; i < cohort->npieces; i++)
	{
		const FlatCohort *piece = &cohort->pieces[i];

		if ((piece->run == NULL ? -1 : piece->run->level) == level)
			cohort_add_opened(to, piece);
		else
			cohort->pieces[left++] = *piece;
	}
	cohort->npieces = left;
}

/* Merges runs where there are too many of a level to be read at once. */
static void
merge_runs(Cohort *cohort)
{
	for (int level = 0;; level++)
	{
		Cohort		source;
		int			n = 0;

		for (int i = 0; i < cohort->npieces; i++)
			n += cohort->pieces[i].run != NULL && cohort->pieces[i].run->level == level;
		if (n < RUNS_MERGED)
			break;
		cohort_init(&source, AllocSetContextCreate(CurrentMemoryContext, "funnel runs",
												   ALLOCSET_DEFAULT_SIZES));
		take_pieces(&source, cohort, level);
		write_run(cohort, &source, level + 1, false);
		for (int i = 0; i < source.npieces; i++)
			pfree(unconstify(RunExtent *, source.pieces[i].run));
		MemoryContextDelete(source.cxt);
	}
}

void
cohort_spill(Cohort *cohort, EventBuffer *buffer)
{
	Cohort		source;

	cohort_init(&source, AllocSetContextCreate(CurrentMemoryContext, "funnel spill",
											   ALLOCSET_DEFAULT_SIZES));
	if (buffer->dict != NULL)
		source.buffer = buffer;
	take_pieces(&source, cohort, -1);
	write_run(cohort, &source, 0, source.npieces > 0);
	for (int i = 0; i < source.npieces; i++)
	{
		pfree(unconstify(char *, source.pieces[i].data));
		pfree(source.pieces[i].labels);
	}
	event_buffer_reset(buffer);
	MemoryContextDelete(source.cxt);
	merge_runs(cohort);
}

void
cohort_add_as_run(Cohort *cohort, Cohort *source)
{
	write_run(cohort, source, 0, true);
	merge_runs(cohort);
}

int64
cohort_run_bytes(const FlatCohort *run)
{
	return run->run->bytes;
}

/* ------------------------------------------------------------------------
 * Reading
 * ------------------------------------------------------------------------
 */

struct RunReader
{
	const RunExtent *extent;
	RunPlace	next;			/* block */
	int64		left;			/* blocks */
	char	   *blocks[2];		/* the last one, and the one before */
	Size		sizes[2];
	int			which;
	MemoryContext cxt;
};

RunReader *
run_reader_create(const FlatCohort *run, MemoryContext cxt)
{
	RunReader  *reader = MemoryContextAllocZero(cxt, sizeof(RunReader));

	reader->extent = run->run;
	reader->cxt = cxt;
	run_reader_rewind(reader);
	return reader;
}

void
run_reader_rewind(RunReader *reader)
{
	reader->next = reader->extent->start;
	reader->left = reader->extent->nblocks;
}

static void
read_exactly(BufFile *file, void *to, Size size)
{
	if (BufFileRead(file, to, size) != size)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("could not read from a temporary file"),
				 errdetail("It ends early.")));
}

bool
run_reader_next(RunReader *reader, const char **start, const char **end)
{
	BufFile    *file = reader->extent->file->file;
	int			which = reader->which = 1 - reader->which;
	uint32		length;

	if (reader->left == 0)
		return false;
	CHECK_FOR_INTERRUPTS();
	seek(file, &reader->next);
	read_exactly(file, &length, sizeof(length));
	if (length > reader->extent->longest)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("could not read from a temporary file"),
				 errdetail("It has a block of %u bytes, and the longest was %u.", length,
						   reader->extent->longest)));
	if ((Size) length + COHORT_PAD > reader->sizes[which])
	{
		reader->sizes[which] = (Size) reader->extent->longest + COHORT_PAD;
		reader->blocks[which] = MemoryContextAllocHuge(reader->cxt, reader->sizes[which]);
	}
	for (Size done = 0; done < length; done += INTERRUPT_BYTES)
	{
		CHECK_FOR_INTERRUPTS();
		read_exactly(file, reader->blocks[which] + done, Min(length - done, INTERRUPT_BYTES));
	}
	memset(reader->blocks[which] + length, 0, COHORT_PAD);
	BufFileTell(file, &reader->next.fileno, &reader->next.offset);
	reader->left--;
	*start = reader->blocks[which];
	*end = *start + length;
	return true;
}
