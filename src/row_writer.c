/*
 * row_writer.c
 *	  Appending rows, directly or through SPI.
 *
 * What is known of the table is worked out once a statement; the relations
 * themselves are opened for each row, which is cheap under a lock that is held
 * anyway, and leaves nothing open between the rows. But then
 * nothing keeps a trigger of the same statement from altering the table: the
 * server tells of that by an invalidation, after which a writer is stale.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "nodes/execnodes.h"
#include "parser/parse_relation.h"
#include "rewrite/prs2lock.h"
#include "rewrite/rewriteDefine.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "owner.h"
#include "row_writer.h"

typedef struct WriterIndex
{
	Oid			oid;
	IndexInfo  *info;
	Relation	rel;			/* while open */
} WriterIndex;

struct RowWriter
{
	MemoryContext cxt;
	uint64		changes;		/* of relations, when it was made */
	Oid			table;
	Relation	rel;			/* while open */
	Oid			owner;
	int			ncolumns;
	AttrNumber *columns;		/* in the table */
	bool	   *never_null;		/* of a domain that forbids it */
	Oid		   *types;
	int32	   *typmods;

	/* directly */
	bool		direct;
	TupleDesc	desc;			/* our copy, which no resource owner counts */
	TupleTableSlot *slot;
	int			nindexes;
	WriterIndex *indexes;

	/* through SPI */
	char	   *insert;

	/* row_writer_last() */
	Oid			primary_key;
	Relation	primary_rel;	/* while open */
	bool		scan_ready;
	ScanKeyData scan_key;
};

/* Counts the changes of relations that this backend heard of. */
static uint64 relation_changes = 0;

static void
relation_changed(Datum arg, Oid relid)
{
	relation_changes++;
}

bool
row_writer_is_stale(const RowWriter *writer)
{
	return writer->changes != relation_changes;
}

/* May rows be put into the table and its indexes without the executor? */
static bool
is_plain(Relation rel, const RowWriter *writer)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			known = 0;

	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relispartition ||
		rel->rd_rel->relhastriggers || rel->rd_rel->relhasrules ||
		desc->constr == NULL || desc->constr->num_check > 0 ||
		desc->constr->has_generated_stored)
		return false;
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		ours = false;

		if (att->attisdropped)
			continue;
		for (int c = 0; c < writer->ncolumns; c++)
			ours |= writer->columns[c] == att->attnum;
		/* no value can be given to a generated column, nor to some of identity: an INSERT says so */
		if (ours && (att->attgenerated != '\0' || att->attidentity != '\0'))
			return false;
		if (ours)
			known++;
		else if (att->attnotnull || att->atthasdef || att->attidentity != '\0' ||
				 get_typtype(att->atttypid) == TYPTYPE_DOMAIN)
			return false;
	}
	return known == writer->ncolumns;
}

/* Reads the indexes; false if one of them needs the executor. */
static bool
read_indexes(Relation rel, RowWriter *writer)
{
	List	   *oids = RelationGetIndexList(rel);
	ListCell   *cell;
	bool		plain = true;

	writer->indexes = palloc((list_length(oids) + 1) * sizeof(WriterIndex));
	foreach(cell, oids)
	{
		Relation	index = index_open(lfirst_oid(cell), RowExclusiveLock);

		if (index->rd_rel->relam != BTREE_AM_OID || !index->rd_index->indimmediate ||
			index->rd_index->indisexclusion || RelationGetIndexExpressions(index) != NIL ||
			RelationGetIndexPredicate(index) != NIL)
			plain = false;
		else if (index->rd_index->indisready)
		{
			writer->indexes[writer->nindexes].oid = RelationGetRelid(index);
			writer->indexes[writer->nindexes++].info = BuildIndexInfo(index);
		}
		index_close(index, NoLock);
		if (!plain)
			break;
	}
	list_free(oids);
	return plain;
}

static void
build_insert(Relation rel, RowWriter *writer)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO %s (",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												RelationGetRelationName(rel)));
	for (int i = 0; i < writer->ncolumns; i++)
		appendStringInfo(&sql, "%s%s", i == 0 ? "" : ", ",
						 quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(rel),
																writer->columns[i] - 1)->attname)));
	appendStringInfoString(&sql, ") VALUES (");
	for (int i = 0; i < writer->ncolumns; i++)
		appendStringInfo(&sql, "%s$%d", i == 0 ? "" : ", ", i + 1);
	appendStringInfoChar(&sql, ')');
	writer->insert = sql.data;
}

/* Is it a domain, or one of a domain, that is NOT NULL? */
static bool
forbids_null(Oid type)
{
	bool		result = false;

	while (!result && get_typtype(type) == TYPTYPE_DOMAIN)
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for type %u", type);
		result = ((Form_pg_type) GETSTRUCT(tuple))->typnotnull;
		type = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
		ReleaseSysCache(tuple);
	}
	return result;
}

RowWriter *
row_writer_create(Oid table, const char *const *columns, int ncolumns,
				  MemoryContext parent)
{
	MemoryContext cxt = AllocSetContextCreate(parent, "funnel row writer",
											  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	RowWriter  *writer = palloc0(sizeof(RowWriter));
	Relation	rel;
	static bool listening = false;

	if (!listening)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		listening = true;
	}
	writer->changes = relation_changes;
	rel = table_open(table, RowExclusiveLock);
	writer->cxt = cxt;
	writer->table = table;
	writer->owner = rel->rd_rel->relowner;
	writer->ncolumns = ncolumns;
	writer->columns = palloc(ncolumns * sizeof(AttrNumber));
	writer->never_null = palloc(ncolumns * sizeof(bool));
	writer->types = palloc(ncolumns * sizeof(Oid));
	writer->typmods = palloc(ncolumns * sizeof(int32));
	for (int i = 0; i < ncolumns; i++)
	{
		writer->columns[i] = attnameAttNum(rel, columns[i], false);
		if (writer->columns[i] == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("table \"%s\" has no column \"%s\"",
							RelationGetRelationName(rel), columns[i]),
					 errhint("Rename the column back, or give the table another name and call funnel.attach() again.")));
		writer->types[i] = TupleDescAttr(RelationGetDescr(rel),
										 writer->columns[i] - 1)->atttypid;
		writer->typmods[i] = TupleDescAttr(RelationGetDescr(rel),
										   writer->columns[i] - 1)->atttypmod;
		writer->never_null[i] = forbids_null(writer->types[i]);
	}
	writer->direct = is_plain(rel, writer) && read_indexes(rel, writer);
	if (writer->direct)
	{
		writer->desc = CreateTupleDescCopy(RelationGetDescr(rel));
		writer->slot = MakeSingleTupleTableSlot(writer->desc, &TTSOpsVirtual);
	}
	else
		build_insert(rel, writer);
	writer->primary_key = funnel_primary_key_index(rel);
	table_close(rel, NoLock);
	MemoryContextSwitchTo(old);
	return writer;
}

void
row_writer_free(RowWriter *writer)
{
	MemoryContextDelete(writer->cxt);
}

Oid
row_writer_column_type(const RowWriter *writer, int column)
{
	return writer->types[column];
}

int32
row_writer_column_typmod(const RowWriter *writer, int column)
{
	return writer->typmods[column];
}

void
row_writer_open(RowWriter *writer)
{
	writer->rel = table_open(writer->table, NoLock);
	writer->primary_rel = NULL;
	for (int i = 0; writer->direct && i < writer->nindexes; i++)
	{
		WriterIndex *index = &writer->indexes[i];

		index->rel = index_open(index->oid, NoLock);
		if (index->oid == writer->primary_key)
			writer->primary_rel = index->rel;
	}
	if (!writer->direct && OidIsValid(writer->primary_key))
		writer->primary_rel = index_open(writer->primary_key, AccessShareLock);
}

void
row_writer_close(RowWriter *writer)
{
	for (int i = 0; writer->direct && i < writer->nindexes; i++)
		index_close(writer->indexes[i].rel, NoLock);
	if (!writer->direct && writer->primary_rel != NULL)
		index_close(writer->primary_rel, NoLock);
	table_close(writer->rel, NoLock);
}

static void
null_value(const RowWriter *writer, int column)
{
	AttrNumber	attnum = writer->columns[column];

	ereport(ERROR,
			(errcode(ERRCODE_NOT_NULL_VIOLATION),
			 errmsg("null value in column \"%s\" of table \"%s\"",
					NameStr(TupleDescAttr(RelationGetDescr(writer->rel), attnum - 1)->attname),
					RelationGetRelationName(writer->rel)),
			 errtablecol(writer->rel, attnum)));
}

static void
insert_directly(RowWriter *writer, const Datum *values, const bool *nulls)
{
	Relation	rel = writer->rel;
	TupleTableSlot *slot = writer->slot;

	ExecClearTuple(slot);
	memset(slot->tts_isnull, true, writer->desc->natts * sizeof(bool));
	for (int i = 0; i < writer->ncolumns; i++)
	{
		slot->tts_values[writer->columns[i] - 1] = values[i];
		slot->tts_isnull[writer->columns[i] - 1] = nulls[i];
		if (nulls[i] && TupleDescAttr(RelationGetDescr(rel), writer->columns[i] - 1)->attnotnull)
			null_value(writer, i);
	}
	ExecStoreVirtualTuple(slot);
	table_tuple_insert(rel, slot, GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < writer->nindexes; i++)
	{
		WriterIndex *index = &writer->indexes[i];
		Datum		keys[INDEX_MAX_KEYS];
		bool		key_nulls[INDEX_MAX_KEYS];

		FormIndexDatum(index->info, slot, NULL, keys, key_nulls);
		index_insert(index->rel, keys, key_nulls, &slot->tts_tid, rel,
					 index->info->ii_Unique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO,
					 false, index->info);
	}
	ExecClearTuple(slot);
}

/* Does a rule put something in the place of an INSERT? */
static bool
is_instead(const RewriteRule *rule)
{
	return rule->event == CMD_INSERT && rule->isInstead && rule->enabled != RULE_DISABLED &&
		rule->enabled != (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA ?
						  RULE_FIRES_ON_ORIGIN : RULE_FIRES_ON_REPLICA);
}

/* ... of each, so that what is stored is stored somewhere else? */
static bool
is_redirected(Relation rel)
{
	for (int i = 0; rel->rd_rules != NULL && i < rel->rd_rules->numLocks; i++)
		if (is_instead(rel->rd_rules->rules[i]) && rel->rd_rules->rules[i]->qual == NULL)
			return true;
	return false;
}

/* An INSERT stored nothing: a change that is not on record must not happen. */
static void
nothing_stored(const RowWriter *writer)
{
	const RuleLock *rules = writer->rel->rd_rules;
	const TriggerDesc *triggers = writer->rel->trigdesc;
	StringInfoData causes;
	ObjectAddress cause;

	initStringInfo(&causes);
	for (int i = 0; rules != NULL && i < rules->numLocks; i++)
		if (is_instead(rules->rules[i]))
		{
			ObjectAddressSet(cause, RewriteRelationId, rules->rules[i]->ruleId);
			appendStringInfo(&causes, "%s%s", causes.len == 0 ? "" : ", ",
							 getObjectDescription(&cause, false));
		}
	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (TRIGGER_TYPE_MATCHES(triggers->triggers[i].tgtype, TRIGGER_TYPE_ROW,
								 TRIGGER_TYPE_BEFORE, TRIGGER_TYPE_INSERT) &&
			triggers->triggers[i].tgenabled != TRIGGER_DISABLED)
		{
			ObjectAddressSet(cause, TriggerRelationId, triggers->triggers[i].tgoid);
			appendStringInfo(&causes, "%s%s", causes.len == 0 ? "" : ", ",
							 getObjectDescription(&cause, false));
		}
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" did not store the row that was inserted into it",
					RelationGetRelationName(writer->rel)),
			 causes.len == 0 ? 0 : errdetail("What may have suppressed it: %s.", causes.data),
			 errhint("What is to be on record must be stored there: drop the rule, or let the trigger return the row."),
			 errtable(writer->rel)));
}

static void
insert_by_spi(RowWriter *writer, const Datum *values, const bool *nulls)
{
	char	   *spi_nulls = palloc(writer->ncolumns);
	OwnerScope	scope;
	SPIPlanPtr	plan;

	for (int i = 0; i < writer->ncolumns; i++)
		spi_nulls[i] = nulls[i] ? 'n' : ' ';
	owner_scope_enter(&scope, writer->owner, get_rel_namespace(writer->table), false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	/* prepared for each row: the memory of a plan outlives errors if it is kept */
	plan = SPI_prepare(writer->insert, writer->ncolumns, writer->types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare of \"%s\" failed: %s", writer->insert,
			 SPI_result_code_string(SPI_result));
	if (SPI_execute_snapshot(plan, unconstify(Datum *, values), spi_nulls,
							 InvalidSnapshot, InvalidSnapshot, false, true, 0) < 0)
		elog(ERROR, "\"%s\" failed", writer->insert);
	if (SPI_processed != 1 || is_redirected(writer->rel))
		nothing_stored(writer);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	owner_scope_leave(&scope);
	pfree(spi_nulls);
}

void
row_writer_insert(RowWriter *writer, const Datum *values, const bool *nulls)
{
	/* a parameter of an INSERT is not held to its domain either */
	for (int i = 0; i < writer->ncolumns; i++)
		if (nulls[i] && writer->never_null[i])
			null_value(writer, i);
	if (writer->direct)
		insert_directly(writer, values, nulls);
	else
		insert_by_spi(writer, values, nulls);
}

/* The scan for the rows of one key, worked out once. */
static void
prepare_scan(RowWriter *writer, Relation index)
{
	MemoryContext old = MemoryContextSwitchTo(writer->cxt);
	Oid			opfamily = index->rd_opfamily[0];
	Oid			opcintype = index->rd_opcintype[0];
	Oid			equal = get_opfamily_member(opfamily, opcintype, opcintype,
											BTEqualStrategyNumber);

	ScanKeyInit(&writer->scan_key, 1, BTEqualStrategyNumber, get_opcode(equal), (Datum) 0);
	writer->scan_key.sk_collation = index->rd_indcollation[0];
	writer->scan_ready = true;
	MemoryContextSwitchTo(old);
}

bool
row_writer_last(RowWriter *writer, int key, int last, Datum value, bool exact,
				Datum *result)
{
	Relation	rel = writer->rel;
	Relation	index = writer->primary_rel;
	IndexScanDesc scan;
	bool		isnull = true;

	if (index == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" has no primary key", RelationGetRelationName(rel)),
				 errhint("Add it again: the key of the lead, then the time.")));
	if (index->rd_index->indnkeyatts != 2 ||
		index->rd_index->indkey.values[0] != writer->columns[key] ||
		index->rd_index->indkey.values[1] != writer->columns[last])
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("primary key of table \"%s\" is not that of a history",
						RelationGetRelationName(rel)),
				 errhint("It must be the key of the lead, then the time.")));
	if (!writer->scan_ready)
		prepare_scan(writer, index);
	writer->scan_key.sk_argument = value;
	scan = funnel_index_beginscan(rel, index, exact ? SnapshotSelf : SnapshotAny, 1);
	scan->xs_want_itup = !exact;
	index_rescan(scan, &writer->scan_key, 1, NULL, 0);
	if (exact)
	{
		TupleTableSlot *slot = table_slot_create(rel, NULL);

		if (index_getnext_slot(scan, BackwardScanDirection, slot))
			*result = slot_getattr(slot, writer->columns[last], &isnull);
		ExecDropSingleTupleTableSlot(slot);
	}
	else if (index_getnext_tid(scan, BackwardScanDirection) != NULL)
		*result = index_getattr(scan->xs_itup, 2, scan->xs_itupdesc, &isnull);
	index_endscan(scan);
	return !isnull;
}
