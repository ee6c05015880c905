/*
 * attribution_sql.c
 *	  SQL functions about what led to conversions: attribution() and credits(),
 *	  by model; sourced(), by who came first; touch_paths(), by the way taken.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "attribution.h"
#include "cohort_value.h"
#include "compat.h"
#include "credit_sql.h"
#include "interrupts.h"
#include "paths_sql.h"
#include "rows.h"

PG_FUNCTION_INFO_V1(funnel_attribution);
PG_FUNCTION_INFO_V1(funnel_credits);
PG_FUNCTION_INFO_V1(funnel_sourced);
PG_FUNCTION_INFO_V1(funnel_touch_paths);

static void
set_sum(const AmountSum *sum, Datum *value, bool *isnull)
{
	*isnull = !amount_sum_numeric(sum, value);
}

/* ------------------------------------------------------------------------
 * Arguments
 * ------------------------------------------------------------------------
 */

/* The channels that count, by label; NULL for all. */
static bool *
arg_channels(FunctionCallInfo fcinfo, int n, LeadStream *stream)
{
	bool	   *channels;
	text	  **names;
	int			count;

	if (PG_ARGISNULL(n))
		return NULL;
	names = arg_texts(fcinfo, n, "channels", 0, &count);
	channels = palloc_extended((Size) stream->nlabels + 1, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		/* what does not occur has the number of no label */
		channels[find_channel(fcinfo, stream, names[i])] = true;
	}
	return channels;
}

static LeadStream *
open_scope(FunctionCallInfo fcinfo, JourneyScope *scope)
{
	LeadStream *stream = lead_stream_open(cohort_getarg(fcinfo, 0), CurrentMemoryContext);

	scope->nstages = stream->nstages;
	scope->nlabels = stream->nlabels;
	scope->conversion = find_stage(fcinfo, stream, arg_text(fcinfo, 1, "conversion"));
	return stream;
}

/*
 * Milestones that the model needs. One that occurs nowhere is an error, and no
 * warning as elsewhere: money would go to others without a word in the result.
 */
static void
arg_milestones(FunctionCallInfo fcinfo, int n, const Model *model, LeadStream *stream,
			   JourneyScope *scope)
{
	int			count;
	text	  **names = arg_texts(fcinfo, n, "milestones", 0, &count);

	check_milestones(model, count, "Name them in the order of the model's weights, as in milestones => '{mql,sql}'.");
	scope->nmilestones = model->nmilestones;
	for (int i = 0; i < model->nmilestones; i++)
	{
		scope->milestones[i] = find_stage(NULL, stream, names[i]);
		if (scope->milestones[i] == stream->nlabels && scope->conversion != stream->nlabels)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("milestone \"%s\" does not occur in the cohort", text_to_cstring(names[i])),
					 errdetail("Its stages are: %s.", labels_named(stream, false)),
					 errhint("Name a stage of the cohort, or take a model without milestones.")));
	}
}

/* The arguments that attribution() and credits() have in common. */
static LeadStream *
open_attribution(FunctionCallInfo fcinfo, Attribution *eval)
{
	JourneyScope *scope = &eval->journeys.scope;
	LeadStream *stream;

	arg_text(fcinfo, 1, "conversion");
	arg_model(fcinfo, 2, &eval->model);
	scope->lookback = arg_limit(fcinfo, 5, "lookback");
	eval->model.half_life = arg_half_life(fcinfo, 6);
	arg_not_null(fcinfo, 7, "model_order");
	eval->order = PG_GETARG_INT32(7);
	if (eval->order < 1 || eval->order > CHAIN_ORDER_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"model_order\" must be between 1 and %d", CHAIN_ORDER_MAX),
				 errdetail("It is %d.", eval->order),
				 errhint("It is the number of touches that the next one depends on.")));
	arg_not_null(fcinfo, 8, "include_null");
	eval->include_null = PG_GETARG_BOOL(8);
	scope->period = arg_period(fcinfo, 9);
	scope->as_of = arg_as_of(fcinfo, 10);
	stream = open_scope(fcinfo, scope);
	arg_milestones(fcinfo, 3, &eval->model, stream, scope);
	scope->channels = arg_channels(fcinfo, 4, stream);
	attribution_begin(eval, CurrentMemoryContext);
	return stream;
}

/* ------------------------------------------------------------------------
 * Attribution
 * ------------------------------------------------------------------------
 */

/* Who earned most first; no channel last. */
static int
channel_cmp(const void *a, const void *b, void *arg)
{
	const Attribution *eval = arg;
	uint32		i = *(const uint32 *) a;
	uint32		j = *(const uint32 *) b;
	const ChannelCredit *x = &eval->channels[i];
	const ChannelCredit *y = &eval->channels[j];

	CHECK_FOR_INTERRUPTS();
	if ((i == eval->nchannels) != (j == eval->nchannels))
		return i == eval->nchannels ? 1 : -1;
	if (x->credit != y->credit)
		return x->credit > y->credit ? -1 : 1;
	if (x->conversions != y->conversions)
		return x->conversions > y->conversions ? -1 : 1;
	return (i > j) - (i < j);
}

Datum
funnel_attribution(PG_FUNCTION_ARGS)
{
	Attribution *eval;
	LeadStream *stream;
	uint32	   *ordered;
	uint32		n = 0;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval = palloc0(sizeof(Attribution));
	stream = open_attribution(fcinfo, eval);
	while (lead_stream_next(stream))
		attribution_add(eval, &stream->lead);
	attribution_finish(eval);

	ordered = palloc_extended(((Size) eval->nchannels + 1) * sizeof(uint32), MCXT_ALLOC_HUGE);
	FOR_INTERRUPTIBLE(i, (int64) eval->nchannels + 1)
		if (eval->channels[i].seen)
			ordered[n++] = (uint32) i;
	qsort_arg(ordered, n, sizeof(uint32), channel_cmp, eval);
	for (uint32 i = 0; i < n; i++)
	{
		const ChannelCredit *channel = &eval->channels[ordered[i]];
		uint32		label = stream->nstages + ordered[i];
		bool		nobody = ordered[i] == eval->nchannels;
		Datum		values[7] = {0};
		bool		nulls[7];

		CHECK_FOR_INTERRUPTS();
		memset(nulls, true, sizeof(nulls));
		if (!nobody)
			SET(0, label_datum(&stream->labels[label]));
		SET(1, Float8GetDatum(channel->conversions));
		set_sum(&channel->amount, &values[2], &nulls[2]);
		if (eval->conversions > 0)
			SET(3, Float8GetDatum(channel->conversions / (double) eval->conversions));
		if (!nobody)
		{
			SET(4, Int64GetDatum(channel->influenced));
			set_sum(&channel->influenced_amount, &values[5], &nulls[5]);
			if (eval->model.kind == MODEL_MARKOV && eval->chain.converted > 0)
				SET(6, Float8GetDatum(eval->chain.effects[label]));
		}
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}

/* ------------------------------------------------------------------------
 * Credits
 * ------------------------------------------------------------------------
 */

/* A row per touch of a conversion, or one if it has none. */
static void
put_credits(FunctionCallInfo fcinfo, Attribution *eval,
			const Datum *labels, const Conversion *conversion, Datum lead)
{
	const Journeys *journeys = &eval->journeys;
	Datum		values[9] = {0};
	bool		nulls[9];
	const Amount *parts = NULL;

	memset(nulls, true, sizeof(nulls));
	SET(0, lead);
	if (conversion->ref.kclass != KEY_NONE)
		SET(1, key_text_datum(&conversion->ref));
	SET(2, TimestampTzGetDatum(conversion->at));
	if (conversion->amount.kind != AMOUNT_NONE)
		SET(3, amount_numeric(&conversion->amount));
	if (conversion->n == 0)
	{
		SET(7, Float8GetDatum(1.0));
		if (!nulls[3])
			SET(8, values[3]);
		put_row(fcinfo, values, nulls);
		return;
	}
	attribution_weigh(eval, conversion);
	/* one after the other: both are where the splitter puts its parts */
	if (!nulls[3])
		parts = attribution_split_amount(eval, conversion);
	splitter_split(&eval->splitter, CREDIT_ONE);
	for (int64 i = 0; i < conversion->n; i++)
	{
		int64		touch = conversion->first + i;

		if (i % 1024 == 1023)
			CHECK_FOR_INTERRUPTS();
		SET(4, Int32GetDatum((int32) (i + 1)));
		SET(5, labels[journeys->touch_channel[touch]]);
		SET(6, TimestampTzGetDatum(journeys->touch_at[touch]));
		SET(7, Float8GetDatum((double) eval->splitter.parts[i] / (double) CREDIT_ONE));
		if (parts != NULL)
			SET(8, amount_numeric(&parts[i]));
		put_row(fcinfo, values, nulls);
		if (parts != NULL)
			pfree(DatumGetPointer(values[8]));
	}
}

Datum
funnel_credits(PG_FUNCTION_ARGS)
{
	Attribution *eval;
	LeadStream *stream;
	Datum	   *labels;
	MemoryContext rows;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval = palloc0(sizeof(Attribution));
	stream = open_attribution(fcinfo, eval);
	if (eval->model.kind == MODEL_MARKOV)
	{
		/* first the effects, of all leads */
		while (lead_stream_next(stream))
			attribution_add(eval, &stream->lead);
		attribution_finish(eval);
		eval->model.effects = attribution_effects(eval, CurrentMemoryContext);
		lead_stream_rewind(stream);
	}
	labels = label_datums(stream);
	rows = row_context();
	while (lead_stream_next(stream))
	{
		journeys_read(&eval->journeys, &stream->lead);
		for (int64 i = 0; i < eval->journeys.nconversions; i++)
		{
			MemoryContext old = MemoryContextSwitchTo(rows);

			CHECK_FOR_INTERRUPTS();
			put_credits(fcinfo, eval, labels, &eval->journeys.conversions[i],
						key_text_datum(&stream->lead.key));
			MemoryContextSwitchTo(old);
			MemoryContextReset(rows);
		}
	}
	PG_RETURN_NULL();
}

/* ------------------------------------------------------------------------
 * Sourced
 * ------------------------------------------------------------------------
 */

static void
assign_team(FunctionCallInfo fcinfo, int n, const char *name, LeadStream *stream,
			Team *team_of, Team team)
{
	int			count;
	text	  **names = arg_texts(fcinfo, n, name, 0, &count);

	for (int i = 0; i < count; i++)
	{
		uint32		label = find_channel(fcinfo, stream, names[i]);

		CHECK_FOR_INTERRUPTS();
		if (label == stream->nlabels)
			continue;
		if (team_of[label] != TEAM_OTHER && team_of[label] != team)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("channel \"%s\" is given to both teams", text_to_cstring(names[i])),
					 errhint("Name each channel in \"marketing\" or in \"sales\", or in neither.")));
		team_of[label] = team;
	}
}

Datum
funnel_sourced(PG_FUNCTION_ARGS)
{
	static const char *const team_names[] = {"marketing", "sales", "other", "none"};
	Sourced    *eval;
	JourneyScope *scope;
	LeadStream *stream;
	Team	   *team_of;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	eval = palloc0(sizeof(Sourced));
	scope = &eval->journeys.scope;
	scope->as_of = arg_as_of(fcinfo, 4);
	scope->period = arg_period(fcinfo, 5);
	scope->lookback = arg_limit(fcinfo, 6, "lookback");
	stream = open_scope(fcinfo, scope);
	team_of = palloc_extended(((Size) stream->nlabels + 1) * sizeof(Team), MCXT_ALLOC_HUGE);
	for (uint32 label = 0; label < stream->nlabels; label++)
		team_of[label] = TEAM_OTHER;
	assign_team(fcinfo, 2, "marketing", stream, team_of, TEAM_MARKETING);
	assign_team(fcinfo, 3, "sales", stream, team_of, TEAM_SALES);
	eval->team_of = team_of;
	sourced_begin(eval, CurrentMemoryContext);
	while (lead_stream_next(stream))
		sourced_add(eval, &stream->lead);

	for (int i = 0; i < TEAMS; i++)
	{
		const TeamCount *team = &eval->teams[i];
		Datum		values[8] = {0};
		bool		nulls[8];

		memset(nulls, true, sizeof(nulls));
		SET(0, CStringGetTextDatum(team_names[i]));
		SET(1, Int64GetDatum(team->sourced));
		set_sum(&team->sourced_amount, &values[2], &nulls[2]);
		if (eval->conversions > 0)
			SET(3, Float8GetDatum((double) team->sourced / (double) eval->conversions));
		if (i != TEAM_NONE)
		{
			SET(4, Int64GetDatum(team->influenced));
			set_sum(&team->influenced_amount, &values[5], &nulls[5]);
			SET(6, Int64GetDatum(team->assisted));
			set_sum(&team->assisted_amount, &values[7], &nulls[7]);
		}
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}

/* ------------------------------------------------------------------------
 * Paths of touches
 * ------------------------------------------------------------------------
 */

/* Counted by conversions, and by leads that do not convert. */
typedef struct TouchPaths
{
	Paths		paths;
	AmountSum **amounts;		/* by path; NULL is none */
	uint32		allocated;
	int64		untouched;		/* conversions without a touch */
	AmountSum	untouched_amount;
} TouchPaths;

static uint32
find_touch_path(TouchPaths *eval, const Journeys *journeys, int64 first, int64 n)
{
	uint32		path;

	paths_reserve(&eval->paths, n);
	FOR_INTERRUPTIBLE(i, n)
		paths_put(&eval->paths, i, journeys->touch_channel[first + i] - journeys->scope.nstages);
	path = paths_find(&eval->paths, n);
	if (path >= eval->allocated)
	{
		uint32		larger = Max(64, (uint32) Min((uint64) eval->allocated * 2, PG_UINT32_MAX));

		if (eval->amounts == NULL)
			eval->amounts = palloc_extended((Size) larger * sizeof(AmountSum *), MCXT_ALLOC_HUGE);
		else
			eval->amounts = repalloc_huge(eval->amounts, (Size) larger * sizeof(AmountSum *));
		memset(eval->amounts + eval->allocated, 0,
			   (Size) (larger - eval->allocated) * sizeof(AmountSum *));
		eval->allocated = larger;
	}
	return path;
}

static void
add_touch_paths(TouchPaths *eval, const Journeys *journeys)
{
	int64		first;
	int64		n;

	for (int64 i = 0; i < journeys->nconversions; i++)
	{
		const Conversion *conversion = &journeys->conversions[i];
		uint32		path;

		CHECK_FOR_INTERRUPTS();
		if (conversion->n == 0)
		{
			eval->untouched++;
			amount_sum_add(&eval->untouched_amount, &conversion->amount);
			continue;
		}
		path = find_touch_path(eval, journeys, conversion->first, conversion->n);
		eval->paths.paths[path].count++;
		if (conversion->amount.kind == AMOUNT_NONE)
			continue;
		if (eval->amounts[path] == NULL)
			eval->amounts[path] = palloc0(sizeof(AmountSum));
		amount_sum_add(eval->amounts[path], &conversion->amount);
	}
	if (journeys_unfinished(journeys, &first, &n))
	{
		/* first, as finding it may move the paths */
		uint32		path = find_touch_path(eval, journeys, first, n);

		eval->paths.paths[path].second++;
	}
}

static void
put_touch_path(FunctionCallInfo fcinfo, const TouchPaths *eval, uint32 number)
{
	const Path *path = &eval->paths.paths[number];
	Datum		values[6] = {0};
	bool		nulls[6] = {false};

	values[0] = path_datum(&eval->paths, path, "touches",
						   "Name the channels that matter in \"channels\", or give \"lookback\".");
	values[1] = Int32GetDatum((int32) path->length);
	values[2] = Int64GetDatum(path->count);
	nulls[3] = true;
	if (eval->amounts[number] != NULL)
		set_sum(eval->amounts[number], &values[3], &nulls[3]);
	values[4] = Int64GetDatum(path->second);
	values[5] = Float8GetDatum((double) path->count / (double) (path->count + path->second));
	put_row(fcinfo, values, nulls);
}

Datum
funnel_touch_paths(PG_FUNCTION_ARGS)
{
	TouchPaths	eval;
	Journeys	journeys;
	JourneyScope *scope = &journeys.scope;
	LeadStream *stream;
	int32		most;
	MemoryContext rows;

	begin_rows(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	memset(&eval, 0, sizeof(eval));
	memset(&journeys, 0, sizeof(journeys));
	scope->lookback = arg_limit(fcinfo, 3, "lookback");
	most = arg_most(fcinfo, 4);
	scope->period = arg_period(fcinfo, 5);
	scope->as_of = arg_as_of(fcinfo, 6);
	stream = open_scope(fcinfo, scope);
	scope->channels = arg_channels(fcinfo, 2, stream);
	journeys_init(&journeys, CurrentMemoryContext);
	paths_init(&eval.paths, stream->labels + stream->nstages, stream->nlabels - stream->nstages,
			   CurrentMemoryContext);
	while (lead_stream_next(stream))
	{
		journeys_read(&journeys, &stream->lead);
		add_touch_paths(&eval, &journeys);
	}
	paths_choose(&eval.paths, most);

	rows = row_context();
	for (uint32 i = 0; i < eval.paths.nchosen; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(rows);

		CHECK_FOR_INTERRUPTS();
		put_touch_path(fcinfo, &eval, eval.paths.chosen[i]);
		MemoryContextSwitchTo(old);
		MemoryContextReset(rows);
	}
	if (eval.untouched > 0)
	{
		Datum		values[6] = {0};
		bool		nulls[6];

		memset(nulls, true, sizeof(nulls));
		SET(1, Int32GetDatum(0));
		SET(2, Int64GetDatum(eval.untouched));
		set_sum(&eval.untouched_amount, &values[3], &nulls[3]);
		put_row(fcinfo, values, nulls);
	}
	PG_RETURN_NULL();
}
