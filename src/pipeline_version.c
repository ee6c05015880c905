/*
 * pipeline_version.c
 *	  The trigger that records the versions of pipelines.
 *
 * After every statement on a definition table, the definition that the tables
 * now hold is compared with the latest version's. Where it differs, the first
 * such statement of a transaction adds a version and later ones amend it. So
 * it does not matter which of the tables changed, or how: a cascading foreign
 * key comes here as a statement of its own.
 *
 * An INSERT that only brings rows of the latest version is a restore, which
 * finds the versions there already and the definition not yet: it records
 * nothing. Nothing else can bring such a row, as the tables otherwise hold all
 * that the latest version does.
 *
 * Versions are written as the owner of their table: whoever may edit a
 * definition need not, and must not, be able to write its history.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(record_version);

/* The forms of rows within a definition. */
#define STAGE_JSON \
	"jsonb_build_object('stage', s.stage, 'position', s.position, 'owner', s.owner," \
	" 'kind', s.kind, 'sla', s.sla::text, 'requires', s.requires)"
#define TRANSITION_JSON \
	"jsonb_build_object('from_stage', t.from_stage, 'to_stage', t.to_stage," \
	" 'requires', t.requires)"

/* The latest version of pipeline $1, if there is one. */
#define LATEST \
	"(SELECT version, valid_from, definition, xmin FROM funnel.pipeline_version" \
	" WHERE pipeline = $1 ORDER BY version DESC LIMIT 1)"

/* A definition table, and how to tell of rows just inserted that they are those of the latest version. */
typedef struct DefinitionTable
{
	const char *name;
	const char *name_column;	/* of the pipeline */
	const char *is_restore;
} DefinitionTable;

static const DefinitionTable definition_tables[] = {
	{
		"pipeline", "name",
		"SELECT FROM new_rows AS n, " LATEST " AS l WHERE n.name = $1 AND n.version = l.version"
		" AND l.definition IS NOT NULL AND n.description IS NOT DISTINCT FROM l.definition ->> 'description'"
	},
	{
		"stage", "pipeline",
		"SELECT WHERE NOT EXISTS (SELECT " STAGE_JSON " FROM new_rows AS s WHERE s.pipeline = $1"
		" EXCEPT SELECT jsonb_array_elements(l.definition -> 'stages') FROM " LATEST " AS l)"
	},
	{
		"transition", "pipeline",
		"SELECT WHERE NOT EXISTS (SELECT " TRANSITION_JSON " FROM new_rows AS t WHERE t.pipeline = $1"
		" EXCEPT SELECT jsonb_array_elements(l.definition -> 'transitions') FROM " LATEST " AS l)"
	}
};

#define LOCK_PIPELINE \
	"SELECT FROM funnel.pipeline WHERE name = $1 FOR NO KEY UPDATE"

/*
 * The definition in the tables (NULL: no such pipeline) if it is not that of
 * the latest version, and that version.
 */
#define CHANGED_DEFINITION \
	"SELECT d.definition, l.version, l.xmin, l.valid_from >= transaction_timestamp()" \
	" FROM (SELECT (SELECT jsonb_build_object('description', p.description," \
	"   'stages', (SELECT coalesce(jsonb_agg(" STAGE_JSON " ORDER BY s.position), '[]')" \
	"     FROM funnel.stage AS s WHERE s.pipeline = $1)," \
	"   'transitions', (SELECT coalesce(jsonb_agg(" TRANSITION_JSON \
	"       ORDER BY f.position NULLS FIRST, g.position), '[]')" \
	"     FROM funnel.transition AS t" \
	"     LEFT JOIN funnel.stage AS f ON f.pipeline = $1 AND f.stage = t.from_stage" \
	"     LEFT JOIN funnel.stage AS g ON g.pipeline = $1 AND g.stage = t.to_stage" \
	"     WHERE t.pipeline = $1)) FROM funnel.pipeline AS p WHERE p.name = $1) AS definition) AS d" \
	" LEFT JOIN " LATEST " AS l ON true" \
	" WHERE d.definition IS DISTINCT FROM l.definition"

/* A conflict only comes of a snapshot that is too old, and is reported as such. */
#define ADD_VERSION \
	"INSERT INTO funnel.pipeline_version (pipeline, version, valid_from, changed_by, definition)" \
	" SELECT $1, $2, greatest(clock_timestamp(), max(valid_from) + interval '1 microsecond'), $3, $4" \
	" FROM funnel.pipeline_version WHERE pipeline = $1 ON CONFLICT DO NOTHING"

#define AMEND_VERSION \
	"UPDATE funnel.pipeline_version SET definition = $3 WHERE pipeline = $1 AND version = $2"

#define SET_CURRENT_VERSION \
	"UPDATE funnel.pipeline AS p SET version = l.version FROM " LATEST " AS l" \
	" WHERE p.name = $1 AND p.version <> l.version"

/* Runs a statement with a fresh snapshot, and returns how many rows it had. */
static uint64
execute(const char *command, int nargs, Oid *types, Datum *values, const char *nulls, int expected)
{
	int			result = SPI_execute_with_args(command, nargs, types, values, nulls, false, 0);

	if (result != expected)
		elog(ERROR, "SPI_execute_with_args returned %s", SPI_result_code_string(result));
	return SPI_processed;
}

static bool
has_rows(const char *query, Datum pipeline)
{
	Oid			type = TEXTOID;
	bool		result = execute(query, 1, &type, &pipeline, NULL, SPI_OK_SELECT) > 0;

	SPI_freetuptable(SPI_tuptable);
	return result;
}

/* Brings the versions of a pipeline up to date with the definition tables. */
static void
record_pipeline(Datum pipeline, Datum changed_by)
{
	Oid			type = TEXTOID;
	uint64		nrows;

	nrows = execute(CHANGED_DEFINITION, 1, &type, &pipeline, NULL, SPI_OK_SELECT);
	if (nrows > 0)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		no_definition;
		bool		no_version;
		bool		isnull;
		Datum		definition = SPI_getbinval(row, desc, 1, &no_definition);
		int32		version = DatumGetInt32(SPI_getbinval(row, desc, 2, &no_version));
		TransactionId xmin = DatumGetTransactionId(SPI_getbinval(row, desc, 3, &isnull));
		bool		is_recent = DatumGetBool(SPI_getbinval(row, desc, 4, &isnull));

		/* One that this transaction restored is not its own. */
		if (!no_version && is_recent && TransactionIdIsCurrentTransactionId(xmin))
		{
			Oid			types[] = {TEXTOID, INT4OID, JSONBOID};
			Datum		values[] = {pipeline, Int32GetDatum(version), definition};

			execute(AMEND_VERSION, 3, types, values, no_definition ? "  n" : NULL, SPI_OK_UPDATE);
		}
		else
		{
			Oid			types[] = {TEXTOID, INT4OID, TEXTOID, JSONBOID};
			Datum		values[] = {pipeline, Int32GetDatum(no_version ? 1 : version + 1),
				changed_by, definition};

			if (!no_version && version == PG_INT32_MAX)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("pipeline \"%s\" has no version numbers left",
								TextDatumGetCString(pipeline)),
						 errhint("Define it under another name.")));
			if (execute(ADD_VERSION, 4, types, values, no_definition ? "   n" : NULL,
						SPI_OK_INSERT) != 1)
				ereport(ERROR,
						(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						 errmsg("version %d of pipeline \"%s\" was added by somebody else",
								DatumGetInt32(values[1]), TextDatumGetCString(pipeline)),
						 errhint("Try again.")));
		}
	}
	execute(SET_CURRENT_VERSION, 1, &type, &pipeline, NULL, SPI_OK_UPDATE);
}

/* The pipelines that a statement may have changed, in an order that all transactions keep to. */
static ArrayType *
affected_pipelines(TriggerEvent event, const char *column)
{
	const char *rows;
	Datum		result;
	bool		isnull;

	if (TRIGGER_FIRED_BY_INSERT(event))
		rows = psprintf("SELECT %s FROM new_rows", column);
	else if (TRIGGER_FIRED_BY_DELETE(event))
		rows = psprintf("SELECT %s FROM old_rows", column);
	else if (TRIGGER_FIRED_BY_UPDATE(event))
		rows = psprintf("SELECT %s FROM old_rows UNION SELECT %s FROM new_rows", column, column);
	else
		rows = "SELECT name FROM funnel.pipeline UNION SELECT pipeline FROM funnel.pipeline_version";

	execute(psprintf("SELECT array_agg(DISTINCT name COLLATE \"C\") FROM (%s) AS r(name)", rows),
			0, NULL, NULL, NULL, SPI_OK_SELECT);
	result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	return isnull ? construct_empty_array(TEXTOID) : DatumGetArrayTypeP(result);
}

/* What the trigger is on. Its queries trust the columns of these tables, so no other will do. */
static const DefinitionTable *
trigger_table(TriggerData *trigdata, const char *function)
{
	Relation	rel = trigdata->tg_relation;

	if (!TRIGGER_FIRED_AFTER(trigdata->tg_event) || !TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired AFTER a statement", function)));
	if (RelationGetNamespace(rel) == get_namespace_oid("funnel", true))
		for (size_t i = 0; i < lengthof(definition_tables); i++)
			if (strcmp(RelationGetRelationName(rel), definition_tables[i].name) == 0)
				return &definition_tables[i];
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("function \"%s\" is a trigger of the definition tables only", function),
			 errhint("Drop trigger \"%s\" of table \"%s\".",
					 trigdata->tg_trigger->tgname, RelationGetRelationName(rel))));
	return NULL;				/* keep the compiler quiet */
}

static Oid
owner_of_versions(void)
{
	Oid			relid = get_relname_relid("pipeline_version", get_namespace_oid("funnel", false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation \"funnel.pipeline_version\"");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Settings of the session that would change what the queries mean. */
static void
pin_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

Datum
record_version(PG_FUNCTION_ARGS)
{
	const char *function = "funnel.record_version";
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	const DefinitionTable *table;
	Datum		changed_by;
	Oid			caller;
	int			caller_context;
	int			nestlevel;
	Datum	   *pipelines;
	int			npipelines;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by a trigger", function)));
	table = trigger_table(trigdata, function);

	GetUserIdAndSecContext(&caller, &caller_context);
	changed_by = CStringGetTextDatum(GetUserNameFromId(caller, false));
	SetUserIdAndSecContext(owner_of_versions(), caller_context | SECURITY_LOCAL_USERID_CHANGE);
	nestlevel = NewGUCNestLevel();
	pin_setting("search_path", "pg_catalog, pg_temp");
	pin_setting("intervalstyle", "postgres");
	SPI_connect();
	if (SPI_register_trigger_data(trigdata) != SPI_OK_TD_REGISTER)
		elog(ERROR, "SPI_register_trigger_data failed");

	deconstruct_array(affected_pipelines(trigdata->tg_event, table->name_column),
					  TEXTOID, -1, false, TYPALIGN_INT, &pipelines, NULL, &npipelines);
	for (int i = 0; i < npipelines; i++)
	{
		/* Whoever else changes it is done before its versions are read, or waits. */
		has_rows(LOCK_PIPELINE, pipelines[i]);
		if (!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ||
			!has_rows(table->is_restore, pipelines[i]))
			record_pipeline(pipelines[i], changed_by);
	}

	SPI_finish();
	AtEOXact_GUC(false, nestlevel);
	SetUserIdAndSecContext(caller, caller_context);
	return PointerGetDatum(NULL);
}
