/*
 * history.c
 *	  Writing histories and violations.
 *
 * Both are written without regard to the rights of whoever changes the lead:
 * no role but the owner of the guarded table holds any on its history, so that
 * nobody can forge or empty it. That is sound because the history must belong
 * to the owner of the guarded table, who chose its triggers.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "history.h"
#include "owner.h"

/* Columns of a history that are always there; after them the key's, if there are several, and the kept ones. */
enum
{
	COL_LEAD,
	COL_FROM_STAGE,
	COL_TO_STAGE,
	COL_AT,
	COL_CHANGED_BY,
	COL_REASON,
	COL_AMOUNT,
	COL_OVERRIDE,
	COL_OVERRIDE_BY,
	COL_PIPELINE,
	COL_VERSION,
	FIXED_COLUMNS
};

static const char *const fixed_columns[] = {
	"lead", "from_stage", "to_stage", "at", "changed_by", "reason", "amount",
	"override", "override_by", "pipeline", "version"
};

/* Their types, but of those that follow the guarded table. */
static const Oid fixed_types[] = {
	InvalidOid, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, InvalidOid,
	TEXTOID, TEXTOID, TEXTOID, INT4OID
};

/* A time that a column names is no later than this many microseconds from now. */
#define MOST_AHEAD	(366 * USECS_PER_DAY)

struct History
{
	RowWriter  *writer;
	const WatchColumn *keys;
	int			nkeys;
	WatchColumn at;				/* attnum 0: not named */
	WatchColumn actor;
	WatchColumn reason;
	WatchColumn amount;
	WatchColumn *keep;
	int			nkeep;
	int			ncolumns;
	const char *notify;
	char	   *table;			/* for notifications */
	text	   *pipeline_name;
	Oid			role;			/* whose name is ... */
	text	   *role_name;
	MemoryContext cxt;
	Datum	   *values;
	bool	   *nulls;
};

Oid
guarded_root(Relation rel)
{
	Oid			root = RelationGetRelid(rel);

	/* one that is being detached is a partition until that is finished, and has its triggers */
	for (bool part = rel->rd_rel->relispartition; part; part = get_rel_relispartition(root))
		root = get_partition_parent(root, true);
	return root;
}

static text *
current_role_name(void)
{
	return cstring_to_text(GetUserNameFromId(GetUserId(), false));
}

/*
 * Locks the table of that name, and no other: whoever held the lock before may
 * have given the name away. Unlike RangeVarGetRelid() it asks for no rights on
 * the schema, for those who write leads need none. InvalidOid if there is none.
 */
static Oid
lock_table_named(const char *name, Oid schema)
{
	Oid			relid = get_relname_relid(name, schema);

	for (;;)
	{
		Oid			locked = relid;

		if (OidIsValid(locked))
			LockRelationOid(locked, RowExclusiveLock);
		else
			AcceptInvalidationMessages();
		relid = get_relname_relid(name, schema);
		if (relid == locked)
			return relid;
		if (OidIsValid(locked))
			UnlockRelationOid(locked, RowExclusiveLock);
	}
}

/* The history's relation: beside the guarded table, and of the same owner, as its partitions are. */
static Oid
find_history(Relation rel, Oid root, const Trigger *trigger, const char *name)
{
	Oid			relid = lock_table_named(name, get_rel_namespace(root));
	char	   *schema = get_namespace_name(get_rel_namespace(root));
	Relation	history;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("history \"%s.%s\" of table \"%s\" does not exist",
						schema, name, get_rel_name(root)),
				 errhint("Put it back under that name, or call funnel.attach() again for a new one."),
				 errtable(rel)));
	history = relation_open(relid, NoLock);
	if (history->rd_rel->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("history \"%s.%s\" is not an ordinary table", schema, name),
				 errhint("Give it another name and call funnel.attach() again.")));
	if (history->rd_rel->relowner != relation_owner(root))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("history \"%s.%s\" does not belong to the owner of table \"%s\"",
						schema, name, get_rel_name(root)),
				 errdetail("Trigger \"%s\" writes only beside a table of the same owner.",
						   trigger->tgname),
				 errhint("ALTER TABLE %s OWNER TO %s.",
						 quote_qualified_identifier(schema, name),
						 quote_identifier(GetUserNameFromId(relation_owner(root), false)))));
	/* triggers of a partition are also those of the partitions it has */
	for (Oid part = RelationGetRelid(rel); part != root; part = get_partition_parent(part, true))
		if (relation_owner(part) != history->rd_rel->relowner)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("partition \"%s\" does not belong to the owner of table \"%s\"",
							get_rel_name(part), get_rel_name(root)),
					 errdetail("Its owner could write history \"%s.%s\" through it.", schema, name),
					 errhint("ALTER TABLE %s OWNER TO %s.",
							 quote_qualified_identifier(get_namespace_name(get_rel_namespace(part)),
														get_rel_name(part)),
							 quote_identifier(GetUserNameFromId(relation_owner(root), false))),
					 errtable(rel)));
	relation_close(history, NoLock);
	return relid;
}

static void
check_type(Relation rel, const History *history, int column, const WatchColumn *source)
{
	Oid			type = row_writer_column_type(history->writer, column);

	int32		typmod = row_writer_column_typmod(history->writer, column);

	if (type != source->declared || (typmod != -1 && typmod != source->typmod))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" has type %s, but %s in its history",
						source->name, RelationGetRelationName(rel),
						format_type_with_typemod(source->declared, source->typmod),
						format_type_with_typemod(type, typmod)),
				 errhint("Change the type of the history's column likewise: ALTER TABLE ... ALTER COLUMN ... TYPE %s.",
						 format_type_with_typemod(source->declared, source->typmod)),
				 errtablecol(rel, source->attnum)));
}

static void
optional_column(Relation rel, const Trigger *trigger, const char *name,
				WatchColumn *column)
{
	if (name != NULL)
		watch_column(rel, trigger, name, column);
}

bool
history_is_stale(const History *history)
{
	return row_writer_is_stale(history->writer);
}

void
history_close(History *history)
{
	MemoryContextDelete(history->cxt);
}

History *
history_open(Relation rel, Oid root, const Trigger *trigger,
			 const WatchArguments *args, const WatchColumn *keys, MemoryContext parent)
{
	MemoryContext cxt = AllocSetContextCreate(parent, "funnel history", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	History    *history = palloc0(sizeof(History));
	Oid			relid = find_history(rel, root, trigger, args->history);
	const char **columns;
	int			n = FIXED_COLUMNS;
	ListCell   *cell;

	history->cxt = cxt;
	history->keys = keys;
	history->nkeys = list_length(args->keys);
	history->notify = args->notify;
	optional_column(rel, trigger, args->at, &history->at);
	if (args->actor != NULL)
		watch_text_column(rel, trigger, args->actor, &history->actor);
	if (args->reason != NULL)
		watch_text_column(rel, trigger, args->reason, &history->reason);
	optional_column(rel, trigger, args->amount, &history->amount);
	if (history->at.attnum != 0 && history->at.type != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" is not a timestamp with time zone",
						history->at.name, RelationGetRelationName(rel)),
				 errhint("Only such a column can tell when a stage changed: other types leave the time zone open."),
				 errtablecol(rel, history->at.attnum)));

	columns = palloc((FIXED_COLUMNS + history->nkeys + list_length(args->keep)) * sizeof(char *));
	memcpy(columns, fixed_columns, sizeof(fixed_columns));
	if (history->nkeys > 1)
		foreach(cell, args->keys)
			columns[n++] = psprintf("key_%s", (char *) lfirst(cell));
	history->keep = palloc0((list_length(args->keep) + 1) * sizeof(WatchColumn));
	foreach(cell, args->keep)
	{
		columns[n++] = lfirst(cell);
		watch_column(rel, trigger, lfirst(cell), &history->keep[history->nkeep++]);
	}
	history->ncolumns = n;
	history->writer = row_writer_create(relid, columns, n, cxt);
	history->values = palloc0(n * sizeof(Datum));
	history->nulls = palloc0(n * sizeof(bool));

	for (int i = 0; i < FIXED_COLUMNS; i++)
		if (OidIsValid(fixed_types[i]) &&
			(row_writer_column_type(history->writer, i) != fixed_types[i] ||
			 row_writer_column_typmod(history->writer, i) != -1))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of history \"%s\" has type %s",
							fixed_columns[i], args->history,
							format_type_with_typemod(row_writer_column_type(history->writer, i),
													 row_writer_column_typmod(history->writer, i))),
					 errhint("Change it back: ALTER TABLE ... ALTER COLUMN %s TYPE %s.",
							 quote_identifier(fixed_columns[i]), format_type_be(fixed_types[i]))));
	n = FIXED_COLUMNS;
	if (history->nkeys == 1)
		check_type(rel, history, COL_LEAD, &keys[0]);
	else
		for (int i = 0; i < history->nkeys; i++)
			check_type(rel, history, n++, &keys[i]);
	for (int i = 0; i < history->nkeep; i++)
		check_type(rel, history, n++, &history->keep[i]);
	if (history->amount.attnum != 0)
		check_type(rel, history, COL_AMOUNT, &history->amount);
	if (args->notify != NULL)
		history->table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(root)),
													get_rel_name(root));
	history->pipeline_name = cstring_to_text(args->pipeline);
	MemoryContextSwitchTo(old);
	return history;
}

static Datum
text_or_null(const char *text, int len, bool *isnull)
{
	*isnull = text == NULL;
	return text == NULL ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(text, len));
}

/* A column of the row as text, if one is named. */
static Datum
column_text(const WatchColumn *column, TupleTableSlot *slot, bool *isnull)
{
	const char *text = NULL;
	int			len = 0;

	if (column->attnum != 0)
		text = watch_text(column, slot, &len);
	return text_or_null(text, len, isnull);
}

static Datum
column_value(const WatchColumn *column, TupleTableSlot *slot, bool *isnull)
{
	*isnull = true;
	return column->attnum == 0 ? (Datum) 0 : slot_getattr(slot, column->attnum, isnull);
}

/*
 * When it happened: strictly later than what is on record of the lead, also
 * when the clock was set back, or two changes share a time.
 */
static TimestampTz
change_time(History *history, const Change *change)
{
	bool		isnull = true;
	Datum		named = change->deleted ? (Datum) 0 : column_value(&history->at, change->slot, &isnull);
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz at = isnull ? now : DatumGetTimestampTz(named);
	Datum		last;

	if (TIMESTAMP_NOT_FINITE(at))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("lead %s cannot change at an infinite time",
						watch_key(history->keys, history->nkeys, change->slot)),
				 errhint("Set column \"%s\" to the time of the change, or to NULL for now.",
						 history->at.name)));
	if (at > now && at - now > MOST_AHEAD)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("lead %s cannot change more than a year from now",
						watch_key(history->keys, history->nkeys, change->slot)),
				 errdetail("Column \"%s\" says %s.", history->at.name, timestamptz_to_str(at)),
				 errhint("Set it to the time of the change, or to NULL for now.")));
	/* asked twice where it matters, as the quick answer may be that of a change rolled back */
	for (int exact = 0; exact <= 1; exact++)
		if (!row_writer_last(history->writer, COL_LEAD, COL_AT, history->values[COL_LEAD],
							 exact, &last) || at > DatumGetTimestampTz(last))
			return at;
	return DatumGetTimestampTz(last) + 1;
}

static void
append_json(StringInfo buf, const char *name, const char *value, int most)
{
	char	   *clipped = NULL;

	if (value != NULL)
		clipped = pnstrdup(value, pg_mbcliplen(value, strlen(value), most));
	appendStringInfo(buf, "%s\"%s\": ", buf->len == 1 ? "" : ", ", name);
	if (clipped == NULL)
		appendStringInfoString(buf, "null");
	else
		escape_json(buf, clipped);
}

/* Texts are cut until the payload has the size that the server allows. */
static void
notify(const History *history, const Change *change, const char *lead, TimestampTz at,
	   text *changed_by)
{
	StringInfoData buf;
	char		time[MAXDATELEN + 1];

	JsonEncodeDateTime(time, TimestampTzGetDatum(at), TIMESTAMPTZOID, NULL);
	initStringInfo(&buf);
	for (int most = 1000; most >= 1; most /= 10)
	{
		resetStringInfo(&buf);
		appendStringInfoChar(&buf, '{');
		append_json(&buf, "table", history->table, most);
		append_json(&buf, "lead", lead, most);
		append_json(&buf, "from", change->from == NULL ? NULL :
					pnstrdup(change->from, change->from_len), most);
		append_json(&buf, "to", change->to == NULL ? NULL :
					pnstrdup(change->to, change->to_len), most);
		append_json(&buf, "at", time, MAXDATELEN);
		append_json(&buf, "by", text_to_cstring(changed_by), most);
		appendStringInfoChar(&buf, '}');
		if (buf.len < 7900)
			break;
	}
	Async_Notify(history->notify, buf.data);
}

static void
key_is_null(const History *history, TupleTableSlot *slot, Relation rel)
{
	int			i = 0;

	while (i < history->nkeys - 1 && !slot_attisnull(slot, history->keys[i].attnum))
		i++;
	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("a lead without a key has no history"),
			 errdetail("Column \"%s\" is NULL.", history->keys[i].name),
			 errhint("Set it: the history of a lead is kept under its key."),
			 errtablecol(rel, history->keys[i].attnum)));
}

/* A column of the key under which a change is recorded. */
static Datum
key_value(const History *history, const Change *change, TupleTableSlot *slot, int i,
		  bool *isnull)
{
	if (change->key_transfer == NULL)
		return slot_getattr(slot, history->keys[i].attnum, isnull);
	*isnull = change->key_transfer->nulls[i];
	return change->key_transfer->values[i];
}

void
history_append(History *history, Relation rel, const Change *change,
			   const Pipeline *pipeline)
{
	Datum	   *values = history->values;
	bool	   *nulls = history->nulls;
	TupleTableSlot *slot = change->slot;
	TupleTableSlot *key_slot = change->key_slot == NULL ? slot : change->key_slot;
	TimestampTz at;
	const char *lead = NULL;
	int			n = FIXED_COLUMNS;

	if (history->role != GetUserId())
	{
		MemoryContext old = MemoryContextSwitchTo(history->cxt);

		history->role_name = current_role_name();
		history->role = GetUserId();
		MemoryContextSwitchTo(old);
	}
	if (change->key_transfer != NULL)
		lead = change->key_transfer->key;
	else if (history->nkeys > 1 || history->notify != NULL)
		lead = watch_key(history->keys, history->nkeys, key_slot);
	if (history->nkeys > 1)
	{
		if (lead == NULL)
			key_is_null(history, slot, rel);
		values[COL_LEAD] = PointerGetDatum(cstring_to_text(lead));
		for (int i = 0; i < history->nkeys; i++, n++)
			values[n] = key_value(history, change, key_slot, i, &nulls[n]);
	}
	else
	{
		values[COL_LEAD] = key_value(history, change, key_slot, 0, &nulls[COL_LEAD]);
		if (nulls[COL_LEAD])
			key_is_null(history, slot, rel);
	}
	for (int i = 0; i < history->nkeep; i++, n++)
		values[n] = column_value(&history->keep[i], slot, &nulls[n]);
	values[COL_FROM_STAGE] = text_or_null(change->from, change->from_len, &nulls[COL_FROM_STAGE]);
	values[COL_TO_STAGE] = text_or_null(change->to, change->to_len, &nulls[COL_TO_STAGE]);
	row_writer_open(history->writer);
	at = change_time(history, change);
	values[COL_AT] = TimestampTzGetDatum(at);
	/* what a row says of its last change is not said of its deletion */
	values[COL_CHANGED_BY] = change->deleted ? (Datum) 0 :
		column_text(&history->actor, slot, &nulls[COL_CHANGED_BY]);
	if (change->deleted || nulls[COL_CHANGED_BY])
	{
		values[COL_CHANGED_BY] = PointerGetDatum(history->role_name);
		nulls[COL_CHANGED_BY] = false;
	}
	values[COL_REASON] = column_text(&history->reason, slot, &nulls[COL_REASON]);
	nulls[COL_REASON] |= change->deleted;
	values[COL_AMOUNT] = column_value(&history->amount, slot, &nulls[COL_AMOUNT]);
	values[COL_OVERRIDE] = text_or_null(change->override,
										change->override == NULL ? 0 : strlen(change->override),
										&nulls[COL_OVERRIDE]);
	values[COL_OVERRIDE_BY] = PointerGetDatum(history->role_name);
	nulls[COL_OVERRIDE_BY] = change->override == NULL;
	values[COL_PIPELINE] = PointerGetDatum(history->pipeline_name);
	values[COL_VERSION] = Int32GetDatum(pipeline->version);
	row_writer_insert(history->writer, values, nulls);
	row_writer_close(history->writer);
	if (history->notify != NULL)
		notify(history, change, lead, at, DatumGetTextPP(values[COL_CHANGED_BY]));
}

/* ------------------------------------------------------------------------
 * Violations
 * ------------------------------------------------------------------------
 */

static const char *const violation_columns[] = {
	"at", "table_schema", "table_name", "pipeline", "version", "lead", "from_stage",
	"to_stage", "rule", "column_name", "mode", "changed_by", "override", "table_owner"
};

void
violation_append(RowWriter **writer, Oid root, const WatchArguments *args,
				 const Pipeline *pipeline, const Change *change, const char *rule,
				 const char *column, MemoryContext cxt)
{
	Datum		values[lengthof(violation_columns)];
	bool		nulls[lengthof(violation_columns)] = {false};

	if (*writer != NULL && row_writer_is_stale(*writer))
	{
		row_writer_free(*writer);
		*writer = NULL;
	}
	if (*writer == NULL)
	{
		Oid			relid = lock_table_named("violation_log", get_namespace_oid("funnel", false));

		if (!OidIsValid(relid))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("table \"%s\" does not exist", "funnel.violation_log"),
					 errhint("Create extension funnel again.")));
		*writer = row_writer_create(relid, violation_columns, lengthof(violation_columns), cxt);
	}
	values[0] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[1] = CStringGetTextDatum(get_namespace_name(get_rel_namespace(root)));
	values[2] = CStringGetTextDatum(get_rel_name(root));
	values[3] = CStringGetTextDatum(args->pipeline);
	values[4] = Int32GetDatum(pipeline->version);
	values[5] = text_or_null(change->lead, change->lead == NULL ? 0 : strlen(change->lead), &nulls[5]);
	values[6] = text_or_null(change->from, change->from_len, &nulls[6]);
	values[7] = text_or_null(change->to, change->to_len, &nulls[7]);
	values[8] = CStringGetTextDatum(rule);
	values[9] = text_or_null(column, column == NULL ? 0 : strlen(column), &nulls[9]);
	values[10] = CStringGetTextDatum(args->mode == MODE_ENFORCE ? "enforce" :
									 args->mode == MODE_WARN ? "warn" : "audit");
	values[11] = PointerGetDatum(current_role_name());
	values[12] = text_or_null(change->override, change->override == NULL ? 0 : strlen(change->override),
							  &nulls[12]);
	values[13] = CStringGetTextDatum(GetUserNameFromId(relation_owner(root), false));
	row_writer_open(*writer);
	row_writer_insert(*writer, values, nulls);
	row_writer_close(*writer);
}
