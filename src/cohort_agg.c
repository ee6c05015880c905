/*
 * cohort_agg.c
 *	  The aggregates over rows: cohort(), touches(), and the transition that
 *	  row aggregates such as conversion_rate(lead, stage, at, ...) share; and
 *	  the aggregate over cohorts, merge().
 *
 * The state of a group is a buffer of events, small for a small group. What
 * depends on the call site only - the types of the arguments, the dictionary
 * of labels - stands in fn_extra and is shared by all groups.
 *
 * A worker hands its state over in the stored form of a cohort, which sorts
 * and packs in the worker; the leader keeps such pieces as they come and
 * merges them when they are read.
 */
#include "postgres.h"

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "args.h"
#include "bytes.h"
#include "cohort_agg.h"
#include "cohort_run.h"
#include "cohort_value.h"
#include "compat.h"
#include "interrupts.h"
#include "memory.h"
#include "trace.h"

PG_FUNCTION_INFO_V1(cohort_transfn);
PG_FUNCTION_INFO_V1(touches_transfn);
PG_FUNCTION_INFO_V1(rows_transfn);
PG_FUNCTION_INFO_V1(aging_transfn);
PG_FUNCTION_INFO_V1(cohort_finalfn);
PG_FUNCTION_INFO_V1(cohort_serialfn);
PG_FUNCTION_INFO_V1(cohort_deserialfn);
PG_FUNCTION_INFO_V1(cohort_combinefn);
PG_FUNCTION_INFO_V1(cohort_merge);
PG_FUNCTION_INFO_V1(merge_transfn);
PG_FUNCTION_INFO_V1(merge_finalfn);
PG_FUNCTION_INFO_V1(debug_transitions);

#ifdef USE_ASSERT_CHECKING
static int64 transitions = 0;
#endif

/* What is known of a call site. */
typedef struct CallSite
{
	KeyReader	lead;
	LabelReader label;
	AmountReader amount;
	KeyReader	ref;
	LabelDict  *dict;
	bool		rich;
} CallSite;

typedef enum RowKind
{
	ROW_STAGE,					/* lead, stage, at [, amount [, ref]] */
	ROW_TOUCH,					/* lead, channel, at */
	ROW_QUESTION,				/* lead, stage, at, from_stage, to_stage */
	ROW_AGING					/* lead, stage, at, in_stage, as_of */
} RowKind;

static CallSite *
make_call_site(FunctionCallInfo fcinfo, RowKind kind)
{
	FmgrInfo   *flinfo = fcinfo->flinfo;
	MemoryContext cxt = flinfo->fn_mcxt;
	CallSite   *site = MemoryContextAllocZero(cxt, sizeof(CallSite));

	site->dict = label_dict_create(0, cxt);
	key_reader_init(&site->lead, get_fn_expr_argtype(flinfo, 1), cxt);
	label_reader_init(&site->label, get_fn_expr_argtype(flinfo, 2),
					  kind == ROW_TOUCH, site->dict, cxt);
	if (kind == ROW_STAGE && PG_NARGS() > 4)
	{
		site->rich = true;
		amount_reader_init(&site->amount, get_fn_expr_argtype(flinfo, 4));
		if (PG_NARGS() > 5)
			key_reader_init(&site->ref, get_fn_expr_argtype(flinfo, 5), cxt);
	}
	flinfo->fn_extra = site;
	return site;
}

static RowState *
make_state(LabelDict *dict, bool rich, MemoryContext cxt)
{
	RowState   *state = MemoryContextAlloc(cxt, sizeof(RowState));

	event_buffer_init(&state->buffer, dict, rich, cxt);
	state->ignored = 0;
	state->extra = NULL;
	return state;
}

static RowExtra *
state_extra(RowState *state)
{
	if (state->extra == NULL)
	{
		MemoryContext cxt = state->buffer.cxt;

		state->extra = MemoryContextAllocZero(cxt, sizeof(RowExtra));
		cohort_init(&state->extra->pile, cxt);
	}
	return state->extra;
}

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;

	if (!AggCheckCallContext(fcinfo, &cxt))
		elog(ERROR, "aggregate function called in non-aggregate context");
	return cxt;
}

static text *
copy_text(text *t, MemoryContext cxt)
{
	text	   *copy = MemoryContextAlloc(cxt, VARSIZE_ANY(t));

	memcpy(copy, t, VARSIZE_ANY(t));
	return copy;
}

/* What is asked must be the same for all rows of a group. */
static void
argument_differs(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\" differs between rows of one group", name),
			 errhint("Pass a constant, or add the column to GROUP BY.")));
}

static void
keep_stage(text **kept, text *stage, const char *name, MemoryContext cxt)
{
	if (*kept == NULL)
		*kept = copy_text(stage, cxt);
	else if (VARSIZE_ANY_EXHDR(*kept) != VARSIZE_ANY_EXHDR(stage) ||
			 memcmp(VARDATA_ANY(*kept), VARDATA_ANY(stage), VARSIZE_ANY_EXHDR(stage)) != 0)
		argument_differs(name);
}

/*
 * Keeps what a row of aging(), or another state of it, asks, or checks that it
 * is the same as before.
 */
static void
keep_aging(RowExtra *extra, text *in_stage, int64 as_of, MemoryContext cxt)
{
	if (extra->from_stage == NULL)
		extra->as_of = as_of;
	else if (extra->as_of != as_of)
		argument_differs("as_of");
	keep_stage(&extra->from_stage, in_stage, "in_stage", cxt);
}

static void
spill_buffer(EventBuffer *buffer)
{
	RowState   *state = (RowState *) ((char *) buffer - offsetof(RowState, buffer));

	cohort_spill(&state_extra(state)->pile, buffer);
}

/* Bytes of events that may be in memory; the rest is for sorting, writing and reading them. */
static Size
memory_limit(void)
{
	return get_hash_memory_limit() / 4 * 3;
}

/*
 * Has the query more events in memory than it may? Then the larger groups of
 * this aggregation go to a file, if they are a part of it that counts.
 */
static void
check_memory(RowState *state)
{
	state->buffer.grown = false;
	if (event_pool_is_due(&state->buffer, memory_limit()))
		event_pool_empty(&state->buffer, spill_buffer);
}

static Datum
add_row(FunctionCallInfo fcinfo, RowKind kind)
{
	CallSite   *site = fcinfo->flinfo->fn_extra;
	RowState   *state;
	Key			key;
	Key			ref;
	Amount		amount;
	int64		at;
	uint32		label;

#ifdef USE_ASSERT_CHECKING
	transitions++;
#endif
	if (unlikely(site == NULL))
		site = make_call_site(fcinfo, kind);
	if (unlikely(PG_ARGISNULL(0)))
		state = make_state(site->dict, site->rich, aggregate_context(fcinfo));
	else
		state = (RowState *) PG_GETARG_POINTER(0);

	if (kind == ROW_QUESTION)
	{
		RowExtra   *extra = state_extra(state);

		keep_stage(&extra->from_stage, arg_text(fcinfo, 4, "from_stage"),
				   "from_stage", state->buffer.cxt);
		keep_stage(&extra->to_stage, arg_text(fcinfo, 5, "to_stage"), "to_stage",
				   state->buffer.cxt);
	}
	else if (kind == ROW_AGING)
		keep_aging(state_extra(state), arg_text(fcinfo, 4, "in_stage"),
				   arg_as_of(fcinfo, 5), state->buffer.cxt);
	if (PG_ARGISNULL(1) || PG_ARGISNULL(2) || PG_ARGISNULL(3))
	{
		state->ignored++;
		PG_RETURN_POINTER(state);
	}
	at = PG_GETARG_TIMESTAMPTZ(3);
	if (unlikely(TIMESTAMP_NOT_FINITE(at)))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time of an event cannot be infinite"),
				 errhint("Filter such rows out, or give NULL, which is skipped and counted.")));
	label = label_read(&site->label, PG_GETARG_DATUM(2));
	key_read(&site->lead, PG_GETARG_DATUM(1), &key);
	if (!site->rich)
		event_buffer_append(&state->buffer, &key, at, label, NULL, NULL);
	else
	{
		bool		has_amount = !PG_ARGISNULL(4);
		bool		has_ref = PG_NARGS() > 5 && !PG_ARGISNULL(5);

		if (has_amount)
			amount_read(&site->amount, PG_GETARG_DATUM(4), &amount);
		if (has_ref)
			key_read(&site->ref, PG_GETARG_DATUM(5), &ref);
		event_buffer_append(&state->buffer, &key, at, label,
							has_amount ? &amount : NULL, has_ref ? &ref : NULL);
	}
	if (unlikely(state->buffer.grown))
		check_memory(state);
	PG_RETURN_POINTER(state);
}

Datum
cohort_transfn(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, ROW_STAGE);
}

Datum
touches_transfn(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, ROW_TOUCH);
}

Datum
rows_transfn(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, ROW_QUESTION);
}

Datum
aging_transfn(PG_FUNCTION_ARGS)
{
	return add_row(fcinfo, ROW_AGING);
}

bool
row_state_is_whole(FunctionCallInfo fcinfo)
{
	return AggCheckCallContext(fcinfo, NULL) == AGG_CONTEXT_AGGREGATE &&
		castNode(AggState, fcinfo->context)->aggstrategy == AGG_PLAIN;
}

void
row_state_cohort(FunctionCallInfo fcinfo, RowState *state, Cohort *cohort)
{
	cohort_init(cohort, CurrentMemoryContext);
	/* where most is in a file, the rest may follow: questions need memory too */
	if (state->extra != NULL && cohort_has_runs(&state->extra->pile) && state->buffer.share != NULL &&
		AggCheckCallContext(fcinfo, NULL) == AGG_CONTEXT_AGGREGATE)
		cohort_spill(&state->extra->pile, &state->buffer);
	if (state->extra != NULL && state->extra->pile.npieces > 0)
	{
		const Cohort *pile = &state->extra->pile;

		cohort->pieces = palloc(pile->npieces * sizeof(FlatCohort));
		memcpy(cohort->pieces, pile->pieces, pile->npieces * sizeof(FlatCohort));
		cohort->npieces = cohort->apieces = pile->npieces;
	}
	cohort->ignored = state->ignored;
	if (state->buffer.dict != NULL)
		cohort->buffer = &state->buffer;
}

Datum
cohort_finalfn(PG_FUNCTION_ARGS)
{
	Cohort		cohort;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	row_state_cohort(fcinfo, (RowState *) PG_GETARG_POINTER(0), &cohort);
	trace_gathered(&cohort);

	/* in a window the state goes on */
	if (AggCheckCallContext(fcinfo, NULL) != AGG_CONTEXT_AGGREGATE)
		PG_RETURN_POINTER(cohort_flatten(&cohort, CurrentMemoryContext));
	PG_RETURN_DATUM(cohort_result(&cohort));
}

/* ------------------------------------------------------------------------
 * Between workers and leader: the stored form of the cohort, and behind it,
 * so that it need not be moved, the stages asked about, each with its length
 * or -1, as_of, and the length of all this.
 * ------------------------------------------------------------------------
 */

static void
send_stage(StringInfo buf, text *stage)
{
	if (stage == NULL)
		pq_sendint32(buf, (uint32) -1);
	else
	{
		pq_sendint32(buf, (uint32) VARSIZE_ANY_EXHDR(stage));
		pq_sendbytes(buf, VARDATA_ANY(stage), VARSIZE_ANY_EXHDR(stage));
	}
}

static text *
receive_stage(StringInfo buf)
{
	int32		len = (int32) pq_getmsgint(buf, 4);

	return len == -1 ? NULL : cstring_to_text_with_len(pq_getmsgbytes(buf, len), len);
}

Datum
cohort_serialfn(PG_FUNCTION_ARGS)
{
	RowState   *state;
	RowExtra	none = {0};
	const RowExtra *extra;
	Cohort		cohort;
	struct varlena *result;
	StringInfoData asked;
	Size		size;

	aggregate_context(fcinfo);
	state = (RowState *) PG_GETARG_POINTER(0);
	extra = state->extra != NULL ? state->extra : &none;
	initStringInfo(&asked);
	send_stage(&asked, extra->from_stage);
	send_stage(&asked, extra->to_stage);
	pq_sendint64(&asked, extra->as_of);
	pq_sendint32(&asked, (uint32) asked.len);

	row_state_cohort(fcinfo, state, &cohort);
	trace_gathered(&cohort);
	result = cohort_flatten(&cohort, CurrentMemoryContext);
	size = VARSIZE(result) + asked.len;
	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("group is too large for a parallel worker to hand over"),
				 errdetail("It takes %zu bytes, and the limit is 1 GB.", size),
				 errhint("Set max_parallel_workers_per_gather to 0, or split the rows into several cohorts, by period or by funnel.cohort_shard(lead, n).")));
	result = repalloc_huge(result, size);
	memcpy((char *) result + VARSIZE(result), asked.data, asked.len);
	SET_VARSIZE(result, size);
	trace_handed_over(size);
	PG_RETURN_POINTER(result);
}

/* The result points into the argument: combining copies it. */
Datum
cohort_deserialfn(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(0);
	RowState   *state;
	RowExtra   *extra;
	StringInfoData buf;
	Size		stored;

	aggregate_context(fcinfo);
	state = make_state(NULL, false, CurrentMemoryContext);
	extra = state_extra(state);
	buf.data = VARDATA_ANY(value);
	buf.len = buf.maxlen = (int) VARSIZE_ANY_EXHDR(value);
	buf.cursor = buf.len - 4;
	stored = (Size) buf.cursor - pq_getmsgint(&buf, 4);
	buf.cursor = (int) stored;
	extra->from_stage = receive_stage(&buf);
	extra->to_stage = receive_stage(&buf);
	extra->as_of = pq_getmsgint64(&buf);
	cohort_add_piece(&extra->pile, buf.data, stored);
	PG_RETURN_POINTER(state);
}

/* Bytes of the pieces of a cohort that are in memory. */
static Size
cohort_bytes(const Cohort *cohort)
{
	Size		bytes = 0;

	for (int i = 0; i < cohort->npieces; i++)
		bytes += cohort->pieces[i].size;
	return bytes;
}

Datum
cohort_combinefn(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = aggregate_context(fcinfo);
	RowState   *state = PG_ARGISNULL(0) ? NULL : (RowState *) PG_GETARG_POINTER(0);
	RowState   *other = PG_ARGISNULL(1) ? NULL : (RowState *) PG_GETARG_POINTER(1);
	RowExtra   *extra;
	Cohort		cohort;
	struct varlena *flat;
	const char *source;
	char	   *data;
	Size		size;

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	if (state == NULL)
		state = make_state(NULL, false, cxt);
	extra = state_extra(state);
	if (other->extra != NULL && other->extra->from_stage != NULL)
	{
		if (other->extra->to_stage == NULL)
			keep_aging(extra, other->extra->from_stage, other->extra->as_of, cxt);
		else
		{
			keep_stage(&extra->from_stage, other->extra->from_stage, "from_stage", cxt);
			keep_stage(&extra->to_stage, other->extra->to_stage, "to_stage", cxt);
		}
	}
	row_state_cohort(fcinfo, other, &cohort);
	if (cohort_bytes(&cohort) > memory_limit() / 8 &&
		cohort_bytes(&cohort) + event_buffers_bytes() > memory_limit())
	{
		cohort_add_as_run(&extra->pile, &cohort);
		PG_RETURN_POINTER(state);
	}
	if (cohort.npieces == 1 && cohort.buffer == NULL && cohort.ignored == 0 &&
		cohort.pieces[0].run == NULL)
	{
		/* as it comes from deserialization: copied once, not packed again */
		source = cohort.pieces[0].data;
		size = cohort.pieces[0].size;
	}
	else
	{
		flat = cohort_flatten(&cohort, CurrentMemoryContext);
		source = VARDATA(flat);
		size = VARSIZE(flat) - VARHDRSZ;
	}
	data = enlarge(cxt, NULL, size);
	copy_bytes(data, source, size);
	cohort_add_piece(&extra->pile, data, size);
	event_buffer_count_bytes(&state->buffer, size);
	check_memory(state);
	PG_RETURN_POINTER(state);
}

/* ------------------------------------------------------------------------
 * merge(): the aggregate of cohorts. Its state is itself of type cohort, so
 * that it can be distributed; while it grows it is a pile: the pieces one
 * behind the other, and room for more of them.
 * ------------------------------------------------------------------------
 */

#define PILE_USED	10			/* offset of the length in use */
#define PILE_HEADER	18

/* Bytes that the pieces of a value take in a pile. */
static Size
pile_need(struct varlena *value)
{
	const char *data = VARDATA_ANY(value);
	Size		size = VARSIZE_ANY_EXHDR(value);

	return cohort_is_pile(data, size) ?
		(Size) load_le64(data + PILE_USED) - PILE_HEADER : size + 8;
}

/* Appends the pieces of a value to a pile that has room for them. */
static void
pile_append(char *pile, Size *used, struct varlena *value)
{
	const char *data = VARDATA_ANY(value);
	Size		size = VARSIZE_ANY_EXHDR(value);

	if (cohort_is_pile(data, size))
	{
		Size		pieces = (Size) load_le64(data + PILE_USED) - PILE_HEADER;

		copy_bytes(pile + *used, data + PILE_HEADER, pieces);
		*used += pieces;
	}
	else
	{
		store_le64(pile + *used, size);
		copy_bytes(pile + *used + 8, data, size);
		*used += 8 + size;
	}
}

#define MERGES_MOST		16		/* pieces beside what was aggregated, before they become one */

/* Events of a cohort that has just been aggregated, in memory and in a file; 0 of a stored one. */
static int64
fresh_events(const Cohort *cohort)
{
	int64		events = cohort->buffer ? event_buffer_count(cohort->buffer) : 0;

	for (int i = 0; i < cohort->npieces; i++)
		if (cohort->pieces[i].run != NULL)
			events += cohort->pieces[i].stats.events;
	return events;
}

/* Adds a cohort as one piece, but for what it has in a file. */
static void
add_smaller(Cohort *cohort, Cohort *smaller)
{
	Cohort		rest = *smaller;
	struct varlena *piece;

	rest.cxt = CurrentMemoryContext;
	rest.npieces = rest.apieces = 0;
	rest.pieces = NULL;
	for (int i = 0; i < smaller->npieces; i++)
		if (smaller->pieces[i].run != NULL)
			cohort_add_opened(cohort, &smaller->pieces[i]);
		else
			cohort_add_opened(&rest, &smaller->pieces[i]);
	piece = cohort_flatten(&rest, CurrentMemoryContext);
	cohort_add_piece(cohort, VARDATA(piece), VARSIZE(piece) - VARHDRSZ);
}

/*
 * merge(a, b) and a || b. Where one of them has just been aggregated it is left
 * as it is, and the other, if it is smaller, becomes a piece beside it: the
 * result is mostly read at once, and nothing large has to be packed for that.
 */
Datum
cohort_merge(PG_FUNCTION_ARGS)
{
	Cohort	   *a = cohort_getarg(fcinfo, 0);
	Cohort	   *b = cohort_getarg(fcinfo, 1);
	Cohort	   *larger = fresh_events(a) >= fresh_events(b) ? a : b;
	Cohort	   *smaller = larger == a ? b : a;
	bool		fresh = fresh_events(larger) > 0;
	Cohort		cohort;

	cohort_init(&cohort, CurrentMemoryContext);
	if (larger->buffer != NULL)
	{
		/* they live as long as the result, which is stored if it is to last */
		cohort_settle(larger);
		cohort.buffer = larger->buffer;
		cohort.sort = larger->sort;
		cohort.sort_stats = larger->sort_stats;
	}
	cohort.ignored = larger->ignored;
	for (int i = 0; i < larger->npieces; i++)
		cohort_add_opened(&cohort, &larger->pieces[i]);
	add_smaller(&cohort, smaller);
	if (cohort.npieces > MERGES_MOST && !cohort_has_runs(&cohort))
	{
		/* a long chain of merges */
		Cohort		pieces = {.npieces = cohort.npieces, .pieces = cohort.pieces, .cxt = CurrentMemoryContext};
		struct varlena *piece = cohort_flatten(&pieces, CurrentMemoryContext);

		cohort.npieces = 0;
		cohort.apieces = 0;
		cohort.pieces = NULL;
		cohort_add_piece(&cohort, VARDATA(piece), VARSIZE(piece) - VARHDRSZ);
	}
	if (fresh)
		PG_RETURN_DATUM(cohort_result(&cohort));
	PG_RETURN_POINTER(cohort_flatten(&cohort, CurrentMemoryContext));
}

Datum
merge_transfn(PG_FUNCTION_ARGS)
{
	struct varlena *state = (struct varlena *) PG_GETARG_POINTER(0);
	struct varlena *value = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(1));
	Size		used;
	Size		need = pile_need(value);
	Size		size;
	struct varlena *result;
	char	   *pile;

	aggregate_context(fcinfo);

	/* in place, if the state is a pile that has the room */
	if (VARATT_IS_4B_U(state) &&
		cohort_is_pile(VARDATA(state), VARSIZE(state) - VARHDRSZ))
	{
		pile = VARDATA(state);
		used = (Size) load_le64(pile + PILE_USED);
		if (used + need <= VARSIZE(state) - VARHDRSZ)
		{
			pile_append(pile, &used, value);
			store_le64(pile + PILE_USED, used);
			PG_RETURN_POINTER(state);
		}
	}
	state = PG_DETOAST_DATUM_PACKED(PointerGetDatum(state));
	size = VARHDRSZ + PILE_HEADER + pile_need(state) + need;
	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cohorts to be merged are too large"),
				 errdetail("Together they take more than 1 GB."),
				 errhint("Merge fewer of them, by period or by funnel.cohort_shard(lead, n).")));
	size = Min(size * 2, MaxAllocSize);
	result = palloc(size);
	SET_VARSIZE(result, size);
	pile = VARDATA(result);
	memset(pile, 0, PILE_HEADER);
	pile[0] = COHORT_VERSION;
	pile[1] = COHORT_PILE;
	used = PILE_HEADER;
	pile_append(pile, &used, state);
	pile_append(pile, &used, value);
	store_le64(pile + PILE_USED, used);
	zero_bytes(pile + used, size - VARHDRSZ - used);
	PG_RETURN_POINTER(result);
}

Datum
merge_finalfn(PG_FUNCTION_ARGS)
{
	struct varlena *state = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0));
	Cohort		cohort;

	cohort_init(&cohort, CurrentMemoryContext);
	cohort_add_value(&cohort, state);

	/* in a window the state goes on, and its memory with it */
	if (AggCheckCallContext(fcinfo, NULL) != AGG_CONTEXT_AGGREGATE)
		PG_RETURN_POINTER(cohort_flatten(&cohort, CurrentMemoryContext));
	PG_RETURN_DATUM(cohort_result(&cohort));
}

/* How often a row has gone through a transition here; NULL without asserts. */
Datum
debug_transitions(PG_FUNCTION_ARGS)
{
#ifdef USE_ASSERT_CHECKING
	PG_RETURN_INT64(transitions);
#else
	PG_RETURN_NULL();
#endif
}
