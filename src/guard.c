/*
 * guard.c
 *	  The triggers: funnel.guard() holds changes of stage to a pipeline and, if
 *	  it is told of a history, records them; funnel.track() only records.
 *
 * They are AFTER ROW triggers: what a BEFORE trigger makes of a row, or a
 * generated column of it, is judged as it is stored, and COPY keeps its fast
 * path.
 *
 * An UPDATE that moves a row to another partition comes as a DELETE there and
 * an INSERT here, one right behind the other. The old row bears the server's
 * mark of a move, by which it differs from one that was really deleted; what
 * it said is remembered (transfer.h) until the INSERT of the same trigger in
 * the same command comes, which is then judged, and recorded, as the update it
 * is. A transaction that ends before is refused: nobody would know what became
 * of the lead. Where nothing is refused the lead is on record as deleted.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "history.h"
#include "override.h"
#include "transfer.h"
#include "watch.h"

PG_FUNCTION_INFO_V1(funnel_guard);
PG_FUNCTION_INFO_V1(funnel_track);

/* Columns that must be filled in; resolved when they are first asked for. */
typedef struct Requirement
{
	bool		resolved;
	int			n;
	WatchColumn *columns;
} Requirement;

/* What a trigger needs to know in a statement; stands in fn_extra. */
typedef struct Guard
{
	MemoryContext cxt;
	Oid			relid;
	Oid			root;			/* see guarded_root(); InvalidOid: not asked for yet */
	bool		judges;			/* guard() or track()? */
	WatchArguments args;
	const Pipeline *pipeline;
	WatchColumn stage;
	WatchColumn *keys;
	int			nkeys;
	Requirement *by_stage;
	Requirement *by_transition;
	bool		recording;
	History    *history;		/* opened when something is to be recorded */
	RowWriter  *violations;		/* likewise */
} Guard;

typedef enum Rule
{
	RULE_KEPT,					/* no rule is broken */
	RULE_STAGE,					/* a stage that the pipeline does not have, or none */
	RULE_ENTRY,
	RULE_TRANSITION,
	RULE_REQUIRES,
	RULE_KEY,
	RULE_MOVE					/* the lead left its partition and did not arrive */
} Rule;

static const char *const rule_names[] = {
	NULL, "stage", "entry", "transition", "requires", "key", "move"
};

typedef struct Verdict
{
	Rule		rule;
	int			from;			/* index of the stage, or NO_STAGE */
	int			to;
	const WatchColumn *column;	/* RULE_REQUIRES: the one that is missing; RULE_KEY: that changed */
	bool		by_transition;	/* ... and what requires it */
	const char *new_key;		/* RULE_KEY */
	TupleTableSlot *before;		/* ... and the row under its old key, ... */
	const Transfer *transfer;	/* ... or what is known of it, if it came from another partition */
} Verdict;

/* ------------------------------------------------------------------------
 * Setting up
 * ------------------------------------------------------------------------
 */

static void
wrong_trigger(const Trigger *trigger, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" is not one that can guard a pipeline", trigger->tgname),
			 errdetail_internal("%s", detail),
			 errhint("CREATE TRIGGER ... AFTER INSERT OR UPDATE OR DELETE ON ... FOR EACH ROW, or call funnel.attach().")));
}

static void
check_trigger(FunctionCallInfo fcinfo, const char *function)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by a trigger", function),
				 errhint("Call funnel.attach() to put it on a table.")));
	if (!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event))
		wrong_trigger(trigdata->tg_trigger, "It is FOR EACH STATEMENT.");
	if (TRIGGER_FIRED_INSTEAD(trigdata->tg_event))
		wrong_trigger(trigdata->tg_trigger, "It fires INSTEAD OF storing a row of a view; the table behind it can be guarded.");
	if (!TRIGGER_FIRED_AFTER(trigdata->tg_event))
		wrong_trigger(trigdata->tg_trigger,
					  "It fires BEFORE the row is stored, and other triggers may still change it.");
	if (trigdata->tg_trigger->tgnattr > 0)
		wrong_trigger(trigdata->tg_trigger,
					  "It is restricted to columns, and other triggers may change the stage in any UPDATE.");
}

static Guard *
make_guard(const TriggerData *trigdata, bool judges, MemoryContext cxt)
{
	Relation	rel = trigdata->tg_relation;
	MemoryContext old;
	Guard	   *guard;
	ListCell   *cell;

	old = MemoryContextSwitchTo(cxt);
	guard = palloc0(sizeof(Guard));
	guard->cxt = cxt;
	guard->relid = RelationGetRelid(rel);
	guard->judges = judges;
	watch_parse(trigdata->tg_trigger, &guard->args);
	watch_text_column(rel, trigdata->tg_trigger, guard->args.stage, &guard->stage);
	guard->keys = palloc(list_length(guard->args.keys) * sizeof(WatchColumn));
	foreach(cell, guard->args.keys)
		watch_text_column(rel, trigdata->tg_trigger, lfirst(cell), &guard->keys[guard->nkeys++]);
	guard->recording = guard->args.history != NULL;
	if (!judges && !guard->recording)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("trigger \"%s\" does not name a history", trigdata->tg_trigger->tgname),
				 errhint("Give funnel.track() an argument history=..., or call funnel.attach().")));
	guard->pipeline = pipeline_get(guard->args.pipeline, judges, cxt);
	guard->by_stage = palloc0((guard->pipeline->nstages + 1) * sizeof(Requirement));
	guard->by_transition = palloc0((guard->pipeline->ntransitions + 1) * sizeof(Requirement));
	MemoryContextSwitchTo(old);
	return guard;
}

static Oid
root_of(Guard *guard, const TriggerData *trigdata)
{
	if (!OidIsValid(guard->root))
		guard->root = guarded_root(trigdata->tg_relation);
	return guard->root;
}

/* ------------------------------------------------------------------------
 * Judging
 * ------------------------------------------------------------------------
 */

static const WatchColumn *
first_missing(Guard *guard, const TriggerData *trigdata, Requirement *requirement,
			  char **names, int n, TupleTableSlot *slot)
{
	if (n == 0)
		return NULL;
	if (!requirement->resolved)
	{
		MemoryContext old = MemoryContextSwitchTo(guard->cxt);

		requirement->columns = palloc(n * sizeof(WatchColumn));
		for (int i = 0; i < n; i++)
		{
			if (get_attnum(guard->relid, names[i]) == InvalidAttrNumber)
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_COLUMN),
						 errmsg("column \"%s\" of table \"%s\" does not exist", names[i],
								RelationGetRelationName(trigdata->tg_relation)),
						 errdetail("Pipeline \"%s\", version %d, requires it.",
								   guard->pipeline->name, guard->pipeline->version),
						 errhint("Add the column, or take it out of \"requires\" in funnel.stage and funnel.transition."),
						 errtable(trigdata->tg_relation)));
			watch_text_column(trigdata->tg_relation, trigdata->tg_trigger, names[i],
							  &requirement->columns[i]);
		}
		requirement->n = n;
		requirement->resolved = true;
		MemoryContextSwitchTo(old);
	}
	for (int i = 0; i < requirement->n; i++)
		if (watch_is_blank(&requirement->columns[i], slot))
			return &requirement->columns[i];
	return NULL;
}

/* Judges a change of stage; a new lead comes from no stage, as one without a stage does. */
static void
judge(Guard *guard, const TriggerData *trigdata, const Change *change, Verdict *verdict)
{
	const Pipeline *pipeline = guard->pipeline;
	const PipelineTransition *transition;

	memset(verdict, 0, sizeof(Verdict));
	verdict->from = verdict->to = NO_STAGE;
	/* what is only tracked is judged to know whether an override let it pass */
	if (!guard->judges && override_reason() == NULL)
		return;
	if (change->from != NULL)
		verdict->from = pipeline_stage(pipeline, change->from, change->from_len);
	if (change->to != NULL)
		verdict->to = pipeline_stage(pipeline, change->to, change->to_len);
	if (verdict->to == NO_STAGE)
	{
		verdict->rule = RULE_STAGE;
		return;
	}
	/* nothing leads out of a stage that the pipeline does not have */
	transition = change->from != NULL && verdict->from == NO_STAGE ? NULL :
		pipeline_transition(pipeline, verdict->from, verdict->to);
	if (transition == NULL)
	{
		verdict->rule = change->from == NULL ? RULE_ENTRY : RULE_TRANSITION;
		return;
	}
	verdict->column = first_missing(guard, trigdata, &guard->by_stage[verdict->to],
									pipeline->stages[verdict->to].requires,
									pipeline->stages[verdict->to].nrequires, change->slot);
	if (verdict->column == NULL)
	{
		verdict->column = first_missing(guard, trigdata,
										&guard->by_transition[transition - pipeline->transitions],
										transition->requires, transition->nrequires,
										change->slot);
		verdict->by_transition = true;
	}
	if (verdict->column != NULL)
		verdict->rule = RULE_REQUIRES;
}

/* The stages that can come next, in words. */
static char *
next_stages(const Pipeline *pipeline, const Change *change, int from)
{
	StringInfoData buf;
	int			n = 0;

	initStringInfo(&buf);
	if (change->from == NULL)
		appendStringInfoString(&buf, "A new lead can begin in: ");
	else if (from == NO_STAGE)
	{
		appendStringInfo(&buf, "Pipeline \"%s\" does not have stage \"%.*s\": an arbiter can move the lead, or the stage be added to the pipeline.",
						 pipeline->name, change->from_len, change->from);
		return buf.data;
	}
	else
		appendStringInfo(&buf, "From \"%.*s\" it can go to: ", change->from_len, change->from);
	for (int i = 0; i < pipeline->nstages; i++)
	{
		int			to = pipeline->by_position[i];

		if (pipeline_transition(pipeline, from, to) == NULL)
			continue;
		if (n++ == 20)
		{
			appendStringInfoString(&buf, ", ...");
			break;
		}
		appendStringInfo(&buf, "%s%s", n == 1 ? "" : ", ", pipeline->stages[to].name);
	}
	if (n == 0)
		appendStringInfoString(&buf, "no other stage");
	appendStringInfoChar(&buf, '.');
	return buf.data;
}

static void
report(const Guard *guard, const TriggerData *trigdata, const Change *change,
	   const Verdict *verdict)
{
	Relation	rel = trigdata->tg_relation;
	const Pipeline *pipeline = guard->pipeline;
	const int	level = guard->args.mode == MODE_ENFORCE ? ERROR : WARNING;
	const char *constraint = trigdata->tg_trigger->tgname;
	const char *lead = change->lead == NULL ? "without a key" : change->lead;
	const char *next = next_stages(pipeline, change, verdict->from);

	switch (verdict->rule)
	{
		case RULE_KEPT:
		case RULE_MOVE:			/* report_lost() */
			break;
		case RULE_STAGE:
			if (change->to == NULL)
				ereport(level,
						(errcode(ERRCODE_NOT_NULL_VIOLATION),
						 errmsg("lead %s must have a stage", lead),
						 errdetail("Column \"%s\" is NULL.", guard->stage.name),
						 errhint("%s", next),
						 errtablecol(rel, guard->stage.attnum),
						 err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint)));
			else
				ereport(level,
						(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
						 errmsg("stage \"%.*s\" of lead %s is not in pipeline \"%s\"",
								change->to_len, change->to, lead, pipeline->name),
						 errdetail("Version %d of the pipeline is in force.", pipeline->version),
						 errhint("%s", next),
						 errtablecol(rel, guard->stage.attnum),
						 err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint)));
			break;
		case RULE_ENTRY:
			ereport(level,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("lead %s cannot begin in stage \"%.*s\"",
							lead, change->to_len, change->to),
					 errdetail("It is no entry of pipeline \"%s\", version %d.",
							   pipeline->name, pipeline->version),
					 errhint("%s", next),
					 errtablecol(rel, guard->stage.attnum),
					 err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint)));
			break;
		case RULE_TRANSITION:
			ereport(level,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("lead %s cannot go from stage \"%.*s\" to \"%.*s\"",
							lead, change->from_len, change->from, change->to_len, change->to),
					 errdetail("Pipeline \"%s\", version %d, has no such transition.",
							   pipeline->name, pipeline->version),
					 errhint("%s", next),
					 errtablecol(rel, guard->stage.attnum),
					 err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint)));
			break;
		case RULE_REQUIRES:
			ereport(level,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("lead %s cannot enter stage \"%.*s\" without column \"%s\"",
							lead, change->to_len, change->to, verdict->column->name),
					 verdict->by_transition && change->from == NULL ?
					 errdetail("Pipeline \"%s\", version %d, requires it of new leads that begin in \"%.*s\".",
							   pipeline->name, pipeline->version, change->to_len, change->to) :
					 verdict->by_transition ?
					 errdetail("Pipeline \"%s\", version %d, requires it on the way from \"%.*s\" to \"%.*s\".",
							   pipeline->name, pipeline->version, change->from_len,
							   change->from, change->to_len, change->to) :
					 errdetail("Pipeline \"%s\", version %d, requires it in this stage.",
							   pipeline->name, pipeline->version),
					 errhint("Set \"%s\" in the same statement.", verdict->column->name),
					 errtablecol(rel, verdict->column->attnum),
					 err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint)));
			break;
		case RULE_KEY:
			ereport(level,
					(errcode(ERRCODE_CHECK_VIOLATION),
					 errmsg("key of lead %s cannot change to %s", lead,
							verdict->new_key == NULL ? "NULL" : verdict->new_key),
					 errdetail("The history of a lead is kept under its key."),
					 errhint("Insert a new lead, or let an arbiter override the rule: the new key's history then begins in stage \"%.*s\".",
							 change->to_len, change->to == NULL ? "" : change->to),
					 errtablecol(rel, (verdict->column == NULL ? &guard->keys[0] : verdict->column)->attnum),
					 err_generic_string(PG_DIAG_CONSTRAINT_NAME, constraint)));
			break;
	}
}

/* ------------------------------------------------------------------------
 * Recording
 * ------------------------------------------------------------------------
 */

static void
record(Guard *guard, const TriggerData *trigdata, const Change *change)
{
	if (!guard->recording)
		return;
	if (guard->history != NULL && history_is_stale(guard->history))
	{
		history_close(guard->history);
		guard->history = NULL;
	}
	if (guard->history == NULL)
		guard->history = history_open(trigdata->tg_relation, root_of(guard, trigdata),
									  trigdata->tg_trigger, &guard->args, guard->keys,
									  guard->cxt);
	history_append(guard->history, trigdata->tg_relation, change, guard->pipeline);
}

/* Lets a change pass, or not; then it is recorded. */
static void
pass(Guard *guard, const TriggerData *trigdata, Change *change, const Verdict *verdict)
{
	if (verdict->rule != RULE_KEPT)
	{
		/* of a changed key, the lead is that of the old one */
		if (change->lead == NULL && verdict->rule != RULE_KEY)
			change->lead = watch_key(guard->keys, guard->nkeys, change->slot);
		change->override = override_reason();
		/* a ruling is in the history; without one, among the violations */
		if (guard->judges && (change->override == NULL || !guard->recording))
		{
			if (change->override == NULL && guard->args.mode != MODE_AUDIT)
				report(guard, trigdata, change, verdict);
			violation_append(&guard->violations, root_of(guard, trigdata), &guard->args,
							 guard->pipeline, change, rule_names[verdict->rule],
							 verdict->column == NULL ? NULL : verdict->column->name,
							 guard->cxt);
		}
	}
	if (verdict->rule == RULE_KEY)
	{
		/* one history ends, and that of the new key begins where the lead is */
		Change		end = *change;

		end.to = NULL;
		end.to_len = 0;
		end.key_slot = verdict->before;
		end.key_transfer = verdict->transfer;
		if (change->lead != NULL)
			record(guard, trigdata, &end);
		change->from = NULL;
		change->from_len = 0;
	}
	record(guard, trigdata, change);
}

/* ------------------------------------------------------------------------
 * Rows that move to another partition
 * ------------------------------------------------------------------------
 */

/* Was the row that a DELETE trigger sees moved, not deleted? */
static bool
is_moved(const TriggerData *trigdata)
{
	return trigdata->tg_relation->rd_rel->relispartition &&
		HeapTupleHeaderIndicatesMovedPartitions(trigdata->tg_trigtuple->t_data);
}

/* The guard of rows that did not arrive, opened again. */
typedef struct LostGuard
{
	MemoryContext cxt;
	Relation	rel;			/* the partition that they left; NULL: none is open */
	TriggerData trigdata;
	Guard	   *guard;
	TupleTableSlot *slot;		/* a row of nothing but NULLs, for what was not remembered */
} LostGuard;

static void
close_lost(LostGuard *lost)
{
	if (lost->rel == NULL)
		return;
	ExecDropSingleTupleTableSlot(lost->slot);
	relation_close(lost->rel, NoLock);
	MemoryContextDelete(lost->cxt);
	lost->rel = NULL;
}

/* False if the partition is gone, or its trigger: nothing guards it any more. */
static bool
open_lost(LostGuard *lost, const Transfer *transfer)
{
	MemoryContext old;
	Trigger    *trigger = NULL;

	if (lost->rel != NULL && RelationGetRelid(lost->rel) == transfer->partition &&
		lost->guard->judges == transfer->judged &&
		strcmp(lost->trigdata.tg_trigger->tgname, NameStr(transfer->tag.trigger)) == 0)
		return true;
	close_lost(lost);
	lost->rel = try_relation_open(transfer->partition, RowExclusiveLock);
	if (lost->rel == NULL)
		return false;
	for (int i = 0; lost->rel->trigdesc != NULL && i < lost->rel->trigdesc->numtriggers; i++)
		if (strcmp(lost->rel->trigdesc->triggers[i].tgname, NameStr(transfer->tag.trigger)) == 0)
			trigger = &lost->rel->trigdesc->triggers[i];
	if (trigger == NULL)
	{
		relation_close(lost->rel, NoLock);
		lost->rel = NULL;
		return false;
	}
	lost->cxt = AllocSetContextCreate(CurrentMemoryContext, "funnel lost rows",
									  ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(lost->cxt);
	lost->trigdata.type = T_TriggerData;
	lost->trigdata.tg_event = TRIGGER_EVENT_DELETE | TRIGGER_EVENT_ROW;
	lost->trigdata.tg_relation = lost->rel;
	lost->trigdata.tg_trigger = trigger;
	lost->guard = make_guard(&lost->trigdata, transfer->judged, lost->cxt);
	lost->slot = MakeSingleTupleTableSlot(RelationGetDescr(lost->rel), &TTSOpsVirtual);
	ExecStoreAllNullTuple(lost->slot);
	MemoryContextSwitchTo(old);
	return true;
}

static void
report_lost(int level, const Transfer *transfer)
{
	ereport(level,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("lead %s left its partition and did not arrive in another",
					transfer->key == NULL ? "without a key" : transfer->key),
			 errdetail("Trigger \"%s\" was told that the row moves, but not where to.",
					   NameStr(transfer->tag.trigger)),
			 errhint("A trigger of the other partition may have suppressed the row, the guard may be missing there, or SET CONSTRAINTS made its guards fire at different times.")));
}

/* Is the key what it was when the row left? It may have been altered since. */
static bool
has_same_key(const Guard *guard, const Transfer *transfer)
{
	if (guard->nkeys != transfer->nkeys)
		return false;
	for (int i = 0; i < guard->nkeys; i++)
		if (guard->keys[i].declared != transfer->types[i])
			return false;
	return true;
}

/* The lead is gone: on record as deleted by whoever tried to move it, and among the violations. */
static void
record_lost(LostGuard *lost, const Transfer *transfer)
{
	Guard	   *guard = lost->guard;
	Change		change = {0};
	Oid			user;
	int			context;

	if (guard->recording && !has_same_key(guard, transfer))
		report_lost(ERROR, transfer);
	change.lead = transfer->key;
	change.from = transfer->stage;
	change.from_len = transfer->stage_len;
	change.slot = lost->slot;
	change.key_transfer = transfer;
	change.deleted = true;
	/* this late, a trigger of the history that is deferred would not fire; restricted so, it is an error */
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(transfer->role)) ?
						   transfer->role : user, context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	if (guard->judges)
	{
		if (guard->args.mode == MODE_WARN)
			report_lost(WARNING, transfer);
		violation_append(&guard->violations, root_of(guard, &lost->trigdata), &guard->args,
						 guard->pipeline, &change, rule_names[RULE_MOVE], NULL, guard->cxt);
	}
	record(guard, &lost->trigdata, &change);
	SetUserIdAndSecContext(user, context);
}

/* Before a transaction ends: no lead is on its way then. */
static void
settle_lost(void)
{
	Transfer   *transfer = transfer_next_lost();
	LostGuard	lost = {0};
	MemoryContext row_cxt;

	if (transfer == NULL)
		return;
	row_cxt = AllocSetContextCreate(CurrentMemoryContext, "funnel lost row",
									ALLOCSET_DEFAULT_SIZES);
	PushActiveSnapshot(GetTransactionSnapshot());
	for (; transfer != NULL; transfer = transfer_next_lost())
	{
		CHECK_FOR_INTERRUPTS();
		if (transfer->strict)
			report_lost(ERROR, transfer);
		if (open_lost(&lost, transfer))
		{
			MemoryContext old = MemoryContextSwitchTo(row_cxt);

			record_lost(&lost, transfer);
			MemoryContextSwitchTo(old);
			MemoryContextReset(row_cxt);
		}
		transfer_done(transfer);
	}
	close_lost(&lost);
	PopActiveSnapshot();
	MemoryContextDelete(row_cxt);
}

static void
set_tag(Guard *guard, const TriggerData *trigdata, CommandId command, TransferTag *tag)
{
	tag->root = root_of(guard, trigdata);
	tag->command = command;
	namestrcpy(&tag->trigger, trigdata->tg_trigger->tgname);
}

static void
depart(Guard *guard, const TriggerData *trigdata, const Change *change)
{
	TransferTag tag;

	Transfer   *transfer;

	transfer_at_commit(settle_lost);
	set_tag(guard, trigdata, HeapTupleHeaderGetCmax(trigdata->tg_trigtuple->t_data), &tag);
	transfer = transfer_depart(&tag, watch_key(guard->keys, guard->nkeys, change->slot),
							   guard->keys, guard->nkeys, change->slot,
							   change->from, change->from_len);
	transfer->partition = guard->relid;
	transfer->role = GetUserId();
	transfer->judged = guard->judges;
	transfer->strict = guard->judges && guard->args.mode == MODE_ENFORCE;
}

/* If an inserted row is one that left another partition, that; key is as watch_key() has it. */
static Transfer *
arrive(Guard *guard, const TriggerData *trigdata, TupleTableSlot *slot, const char **key)
{
	HeapTupleHeader header = trigdata->tg_trigtuple->t_data;
	TransferTag tag;

	if (likely(!transfer_is_pending()) || !trigdata->tg_relation->rd_rel->relispartition ||
		HeapTupleHeaderXminFrozen(header) ||
		!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header)))
		return NULL;
	*key = watch_key(guard->keys, guard->nkeys, slot);
	set_tag(guard, trigdata, HeapTupleHeaderGetCmin(header), &tag);
	return transfer_arrive(&tag, *key);
}

/* ------------------------------------------------------------------------
 * The triggers
 * ------------------------------------------------------------------------
 */

static bool
same_text(const char *a, int alen, const char *b, int blen)
{
	if (a == NULL || b == NULL)
		return a == b;
	return alen == blen && memcmp(a, b, alen) == 0;
}

/* An insert, or the second half of a move. */
static void
row_inserted(Guard *guard, const TriggerData *trigdata)
{
	Change		change = {0};
	Verdict		verdict;
	Transfer   *transfer;
	const char *key = NULL;

	change.slot = trigdata->tg_trigslot;
	change.to = watch_text(&guard->stage, change.slot, &change.to_len);
	transfer = arrive(guard, trigdata, change.slot, &key);
	if (transfer != NULL)
	{
		bool		same_key = transfer->key != NULL && key != NULL &&
			strcmp(transfer->key, key) == 0;

		Assert(has_same_key(guard, transfer));	/* the server alters no table with pending triggers */

		change.from = transfer->stage;
		change.from_len = transfer->stage_len;
		if (!same_key ||
			!same_text(change.from, change.from_len, change.to, change.to_len))
		{
			judge(guard, trigdata, &change, &verdict);
			if (!same_key)
			{
				change.lead = transfer->key;
				verdict.rule = RULE_KEY;
				verdict.column = NULL;
				verdict.new_key = key;
				verdict.transfer = transfer;
			}
			pass(guard, trigdata, &change, &verdict);
		}
		transfer_done(transfer);
	}
	else
	{
		judge(guard, trigdata, &change, &verdict);
		pass(guard, trigdata, &change, &verdict);
	}
}

static void
row_updated(Guard *guard, const TriggerData *trigdata)
{
	TupleTableSlot *before = trigdata->tg_trigslot;
	Change		change = {0};
	Verdict		verdict;
	int			same = 0;		/* key columns that did not change */
	bool		same_key;

	change.slot = trigdata->tg_newslot;
	change.from = watch_text(&guard->stage, before, &change.from_len);
	change.to = watch_text(&guard->stage, change.slot, &change.to_len);
	while (same < guard->nkeys && watch_is_same(&guard->keys[same], before, change.slot))
		same++;
	same_key = same == guard->nkeys;
	if (likely(same_key && same_text(change.from, change.from_len, change.to, change.to_len)))
		return;
	judge(guard, trigdata, &change, &verdict);
	if (!same_key)
	{
		verdict.rule = RULE_KEY;
		verdict.column = &guard->keys[same];
		verdict.new_key = watch_key(guard->keys, guard->nkeys, change.slot);
		verdict.before = before;
		change.lead = watch_key(guard->keys, guard->nkeys, before);
	}
	pass(guard, trigdata, &change, &verdict);
}

static void
row_deleted(Guard *guard, const TriggerData *trigdata)
{
	Change		change = {0};

	change.slot = trigdata->tg_trigslot;
	change.deleted = true;
	change.from = watch_text(&guard->stage, change.slot, &change.from_len);
	if (is_moved(trigdata))
		depart(guard, trigdata, &change);
	else
		record(guard, trigdata, &change);
}

static Datum
fire(FunctionCallInfo fcinfo, bool judges)
{
	const TriggerData *trigdata = (const TriggerData *) fcinfo->context;
	Guard	   *guard = fcinfo->flinfo->fn_extra;

	if (guard == NULL)
	{
		check_trigger(fcinfo, judges ? "funnel.guard" : "funnel.track");
		guard = make_guard(trigdata, judges, fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = guard;
	}
	Assert(guard->relid == RelationGetRelid(trigdata->tg_relation));
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		row_updated(guard, trigdata);
	else if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		row_inserted(guard, trigdata);
	else
		row_deleted(guard, trigdata);
	return PointerGetDatum(NULL);
}

Datum
funnel_guard(PG_FUNCTION_ARGS)
{
	return fire(fcinfo, true);
}

Datum
funnel_track(PG_FUNCTION_ARGS)
{
	return fire(fcinfo, false);
}
