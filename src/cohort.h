/*
 * cohort.h
 *	  The stored form of a cohort, and the leads of a cohort in any form.
 *
 * Stored form, version 1; all numbers little-endian, "varint" as in bytes.h:
 *
 *	1 byte		version
 *	1 byte		flags: COHORT_RICH (events have amounts or refs), COHORT_PILE
 *	8 bytes		rows ignored; no part of equality
 *	4 x 4 bytes	leads, by class of key
 *	varints		events, first time (zigzag), (last - first) / unit, unit,
 *				stages, channels
 *	dictionary	for each label, in canonical order: varint 2 x length + ranked,
 *				bytes, and 8 bytes of float8 rank if it is ranked
 *	leads		by class and in the order of key_cmp(): a byte with the number
 *				of events in the high half (0: a varint with n - 16 follows)
 *				and the length of the key's bytes in the low half; the key's
 *				difference to the one before in the class; KEY_TEXT instead
 *				has a varint length and the bytes
 *	events		of the lead, in canonical order: a byte with the label's code
 *				in the high five bits (31: a varint with code - 31 follows) and
 *				in the low three a code of the length of the time; the time
 *				since the event before (the lead's first: since the first of
 *				all) in units. In a rich cohort a byte more: low half the
 *				amount (0 none, 1 + n small with n bytes of mantissa behind a
 *				byte of scale, 15 text behind a varint length), high half the
 *				ref (0 none, 1 as the ref before in this lead, 2 + class a new
 *				one), then those
 *	8 bytes		zero, so that a word can be read at any event
 *
 * There is one encoding for a bag of events: the same bag gives the same
 * bytes, and equality of cohorts is that of bytes. A pile is what the merge
 * aggregate builds: after flags and ignored (both unused) 8 bytes of length in
 * use, then pieces: 8 bytes of length and a stored form each, then slack.
 * Nothing but that aggregate's state is ever a pile.
 */
#ifndef FUNNEL_COHORT_H
#define FUNNEL_COHORT_H

#include "bytes.h"
#include "event_sort.h"

#define COHORT_VERSION	1
#define COHORT_RICH		0x01
#define COHORT_PILE		0x02
#define COHORT_FIXED	26		/* bytes up to the varints */
#define COHORT_PAD		8		/* zero bytes at the end */

/* A stored form, its header read. Labels and leads point into it. */
typedef struct FlatCohort
{
	const char *data;			/* without the varlena header */
	Size		size;
	bool		rich;
	int64		ignored;
	uint32		nleads[KEY_CLASSES];
	EventStats	stats;
	uint32		nstages;
	uint32		nlabels;
	Label	   *labels;
	const char *leads;			/* first byte of the leads */
	const struct RunExtent *run;	/* where they are in a file, if they are not in memory */
} FlatCohort;

/*
 * Reads the header, with bounds checked. Errors: data_corrupted.
 */
extern void flat_cohort_open(FlatCohort *flat, const char *data, Size size);

/* What the header alone says. */
typedef struct CohortSizes
{
	int64		events;
	int64		leads;
	uint32		stages;
	uint32		channels;
} CohortSizes;

/* Bytes of a stored form that they are in: six varints behind what is fixed. */
#define COHORT_HEAD_MAX	(COHORT_FIXED + 6 * VARINT_MAX_BYTES)

/* For estimates: reads as many bytes of a stored form; false if that cannot be. */
extern bool flat_cohort_sizes(const char *data, Size size, CohortSizes *sizes);

/* Reads a stored form lead by lead; every read is checked against the end. */
typedef struct FlatCursor
{
	const FlatCohort *flat;
	const char *p;
	const char *end;			/* less the padding */
	struct RunReader *reader;	/* gives more than is before end; or NULL */
	KeyClass	kclass;
	uint32		left;			/* leads of the class not yet peeked at */
	bool		peeked;			/* is key that of the next lead? */
	Key			key;
	int64		n;				/* its events */
} FlatCursor;

extern void flat_cursor_init(FlatCursor *cursor, const FlatCohort *flat,
							 struct RunReader *reader);
extern bool flat_cursor_peek(FlatCursor *cursor);	/* false at the end */

/*
 * Appends the events of the lead peeked at to those of lead, which has room
 * made for them; labels are mapped through map[] unless it is NULL.
 */
extern void flat_cursor_read(FlatCursor *cursor, const uint32 *map, Lead *lead);

/* Writes a stored form; leads come in order, their events too. */
typedef struct FlatWriter
{
	MemoryContext cxt;
	char	   *buf;			/* a varlena to be */
	Size		used;
	Size		size;
	Size		header_room;	/* leads begin here */
	const Label *labels;		/* the labels that occur, in canonical order */
	uint32		nstages;
	uint32		nlabels;
	EventStats	stats;
	int64		ignored;
	uint32		nleads[KEY_CLASSES];
	int64		nevents;
	Key			previous;
	bool		started;
	void		(*sink) (struct FlatWriter *);	/* after each lead; NULL for a value */
	void	   *sink_arg;
} FlatWriter;

/*
 * stats must be exact for what will be written, but for the number of events,
 * which is a guess. The result is palloc'd in cxt.
 * Errors: a value of 1 GB or more (program_limit_exceeded).
 */
extern void flat_writer_init(FlatWriter *writer, const Label *labels,
							 uint32 nstages, uint32 nlabels,
							 const EventStats *stats, int64 ignored,
							 MemoryContext cxt);

/*
 * Leads alone, without a header, for a sink that takes the bytes from buf when
 * it wants to and sets used to 0.
 */
extern void flat_writer_init_sink(FlatWriter *writer, const Label *labels,
								  uint32 nstages, uint32 nlabels,
								  const EventStats *stats,
								  void (*sink) (FlatWriter *), void *sink_arg,
								  MemoryContext cxt);

/* Labels of the lead are mapped through map[] unless it is NULL. */
extern void flat_writer_add(FlatWriter *writer, const Lead *lead,
							const uint32 *map);
extern struct varlena *flat_writer_finish(FlatWriter *writer);

/*
 * A cohort in any form: a pile of stored pieces and, while it is being
 * aggregated or has just been, a buffer of events or the sort of one.
 */
typedef struct Cohort
{
	int			npieces;
	int			apieces;
	FlatCohort *pieces;
	EventBuffer *buffer;		/* NULL if none; ... */
	EventSort  *sort;			/* ... its sort, once begun */
	EventStats	sort_stats;
	int64		ignored;		/* beside those of the pieces */
	MemoryContext cxt;			/* owns what reading it builds */
} Cohort;

extern void cohort_init(Cohort *cohort, MemoryContext cxt);
extern void cohort_add_piece(Cohort *cohort, const char *data, Size size);
extern void cohort_add_opened(Cohort *cohort, const FlatCohort *piece);

/* Are there pieces in a file, because there was no memory for them? */
extern bool cohort_has_runs(const Cohort *cohort);

/*
 * Groups the buffer, if there is one. Until the cohort has been read, nothing
 * must be appended to it.
 */
extern void cohort_settle(Cohort *cohort);

/*
 * The leads of a cohort, one at a time, each with all its events.
 */
typedef struct LeadStream
{
	Label	   *labels;			/* that occur, in canonical order */
	uint32		nlabels;
	uint32		nstages;
	EventStats	stats;
	int64		ignored;
	Lead		lead;			/* the current one; its arrays may be changed */
	int64		nread;			/* leads delivered */
	bool		untraced;		/* is reading it no news? see trace.h */

	/* private */
	Cohort	   *cohort;
	LabelDict  *dict;			/* of labels, once one is sought */
	int			ncursors;
	FlatCursor *cursors;
	struct RunReader **readers; /* by cursor; NULL for pieces in memory */
	int		   *heap;			/* of sources: cursors, and ncursors for the sort */
	int			nheap;			/* -1 before the first lead */
	Key			sort_key;
	uint32	  **maps;			/* by piece; NULL is identity */
	bool	   *resort;			/* does the map change the order? */
	uint32	   *sort_map;
} LeadStream;

extern LeadStream *lead_stream_open(Cohort *cohort, MemoryContext cxt);
extern bool lead_stream_next(LeadStream *stream);
extern void lead_stream_rewind(LeadStream *stream);

/* The code of a label in the stream, or nlabels if it does not occur. */
extern uint32 lead_stream_find(LeadStream *stream, bool touch,
							   const char *bytes, uint32 len);

/*
 * What a filter does to a lead: edits its events in place (they must be in
 * canonical order afterwards) and returns whether to keep the lead.
 */
typedef bool (*LeadFilter) (Lead *lead, void *arg);

/*
 * The stored form of a stream's leads, as the filter (may be NULL) leaves
 * them. Labels of the result are the stream's unless others are given, in
 * canonical order; then the filter has put codes of those into the lead.
 */
extern struct varlena *cohort_pack(LeadStream *stream, LeadFilter filter,
								   void *arg, const Label *labels,
								   uint32 nstages, uint32 nlabels,
								   MemoryContext cxt);

/* The stored form of a cohort as it is. */
extern struct varlena *cohort_flatten(Cohort *cohort, MemoryContext cxt);

/*
 * Refuses, with an error, whatever is not the one stored form of a bag of
 * events. For values that come from outside.
 */
extern void flat_cohort_validate(const char *data, Size size);

#endif							/* FUNNEL_COHORT_H */
