/*
 * conformance.c
 *	  The SQL function conformance(): what leads did that a pipeline forbids.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "args.h"
#include "cohort_value.h"
#include "compat.h"
#include "moves.h"
#include "pipeline.h"
#include "rows.h"

PG_FUNCTION_INFO_V1(funnel_conformance);

/*
 * Does the pipeline forbid the move? stages[] has the pipeline's stage of each
 * label. A change of ref within a stage is no change of stage.
 */
static bool
is_forbidden(const Pipeline *pipeline, const int *stages, const Move *move)
{
	int			from = NO_STAGE;

	if (move->from == move->to)
		return false;
	if (move->from != MOVE_NOWHERE)
	{
		from = stages[move->from];
		/* it must not be taken for a new lead */
		if (from == NO_STAGE)
			return true;
	}
	return pipeline_transition(pipeline, from, stages[move->to]) == NULL;
}

/* By bytes: the rank, which is part of a label's own order, is the cohort's. */
static int
stage_cmp(const Label *labels, uint32 a, uint32 b)
{
	const Label *x = &labels[a];
	const Label *y = &labels[b];
	int			c = memcmp(x->bytes, y->bytes, Min(x->len, y->len));

	return c != 0 ? c : (x->len > y->len) - (x->len < y->len);
}

/* The most frequent first, then by from_stage, NULL first, and to_stage. */
static int
move_cmp(const void *a, const void *b, void *labels)
{
	const Move *x = *(const Move *const *) a;
	const Move *y = *(const Move *const *) b;

	CHECK_FOR_INTERRUPTS();
	if (x->transitions != y->transitions)
		return x->transitions > y->transitions ? -1 : 1;
	if (x->from != y->from)
	{
		if (x->from == MOVE_NOWHERE)
			return -1;
		if (y->from == MOVE_NOWHERE)
			return 1;
		return stage_cmp(labels, x->from, y->from);
	}
	return stage_cmp(labels, x->to, y->to);
}

Datum
funnel_conformance(PG_FUNCTION_ARGS)
{
	const Pipeline *pipeline;
	int64		as_of;
	LeadStream *stream;
	Moves		moves;
	int		   *stages;
	const Move **forbidden;
	Size		n = 0;
	MemoryContext rows;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	/* as it stands: whoever drafts a pipeline asks what it would forbid */
	pipeline = pipeline_get(text_to_cstring(arg_text(fcinfo, 1, "pipeline")), false,
							CurrentMemoryContext);
	as_of = arg_as_of(fcinfo, 2);
	stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);
	moves_begin(&moves, stream->nstages, CurrentMemoryContext);
	while (lead_stream_next(stream))
		moves_add(&moves, &stream->lead, lead_count_before(&stream->lead, as_of));

	stages = palloc_extended(((Size) stream->nstages + 1) * sizeof(int), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < stream->nstages; i++)
		stages[i] = pipeline_stage(pipeline, stream->labels[i].bytes,
								   (int) stream->labels[i].len);
	forbidden = palloc_extended(((Size) moves.n + 1) * sizeof(Move *), MCXT_ALLOC_HUGE);
	for (uint32 i = 0; i < moves.n; i++)
		if (is_forbidden(pipeline, stages, &moves.moves[i]))
			forbidden[n++] = &moves.moves[i];
	qsort_arg(forbidden, n, sizeof(Move *), move_cmp, stream->labels);

	rows = row_context();
	for (Size i = 0; i < n; i++)
	{
		const Move *move = forbidden[i];
		MemoryContext old = MemoryContextSwitchTo(rows);
		Datum		values[5] = {0};
		bool		nulls[5] = {false};

		CHECK_FOR_INTERRUPTS();
		nulls[0] = (move->from == MOVE_NOWHERE);
		if (!nulls[0])
			values[0] = label_datum(&stream->labels[move->from]);
		values[1] = label_datum(&stream->labels[move->to]);
		values[2] = Int64GetDatum(move->transitions);
		values[3] = Int64GetDatum(move->leads);
		values[4] = key_text_datum(&move->example);
		put_row(fcinfo, values, nulls);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
	}
	PG_RETURN_NULL();
}
