/*
 * pipeline_version.c
 *	  The triggers that keep the definition tables and the versions of pipelines
 *	  in step.
 *
 * A change of a definition records a version. After every statement on a
 * definition table, what the tables now hold is compared with the latest
 * version: where it differs, the first such statement of a transaction adds a
 * version and later ones amend it. So it does not matter which of the tables
 * changed, or how: a cascading foreign key comes here as a statement of its
 * own.
 *
 * Versions that are added by hand, which is what a restore does, go the other
 * way: the definition tables become what the latest version says. pg_dump
 * saves the versions only, because pg_restore loads the tables of an
 * extension in any order and at once, which the foreign keys between the
 * definition tables would not bear.
 *
 * Both write as the owner of the tables: whoever may edit a definition need
 * not, and must not, be able to write its history.
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
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "owner.h"
#include "pipeline.h"

PG_FUNCTION_INFO_V1(record_version);
PG_FUNCTION_INFO_V1(import_versions);

/* One of the triggers writes: the other one, and itself, have nothing to do. */
static bool writing = false;

/* The statement that fired a trigger. */
typedef struct Change
{
	Oid			role;
	TimestampTz at;
} Change;

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
	" SELECT $1, $2, greatest($3, max(valid_from) + interval '1 microsecond'), $4, $5" \
	" FROM funnel.pipeline_version WHERE pipeline = $1 ON CONFLICT DO NOTHING"

#define AMEND_VERSION \
	"UPDATE funnel.pipeline_version SET definition = $3 WHERE pipeline = $1 AND version = $2"

/* Closes the pipeline to versions added by hand. */
#define MARK_RECORDED \
	"INSERT INTO funnel.pipeline_recorded (pipeline) VALUES ($1) ON CONFLICT DO NOTHING"

#define IS_RECORDED \
	"SELECT FROM funnel.pipeline_recorded WHERE pipeline = $1"

#define VERSIONS_OUT_OF_ORDER \
	"SELECT FROM (SELECT valid_from, lag(valid_from) OVER (ORDER BY version) AS before" \
	" FROM funnel.pipeline_version WHERE pipeline = $1) AS v WHERE valid_from <= before LIMIT 1"

#define SET_CURRENT_VERSION \
	"UPDATE funnel.pipeline AS p SET version = l.version FROM " LATEST " AS l" \
	" WHERE p.name = $1 AND p.version <> l.version"

/* Make the definition tables say what the latest version does. */
static const char *const restore_definition[] = {
	"DELETE FROM funnel.pipeline WHERE name = $1",
	"INSERT INTO funnel.pipeline (name, description, version)"
	" SELECT $1, l.definition ->> 'description', l.version"
	" FROM " LATEST " AS l WHERE l.definition IS NOT NULL",
	"INSERT INTO funnel.stage (pipeline, stage, position, owner, kind, sla, requires)"
	" SELECT $1, s.* FROM " LATEST " AS l, jsonb_to_recordset(l.definition -> 'stages')"
	" AS s(stage text, position int, owner text, kind text, sla interval, requires text[])",
	"INSERT INTO funnel.transition (pipeline, from_stage, to_stage, requires)"
	" SELECT $1, t.* FROM " LATEST " AS l, jsonb_to_recordset(l.definition -> 'transitions')"
	" AS t(from_stage text, to_stage text, requires text[])"
};

/* Runs a statement with a fresh snapshot, and returns how many rows it had. */
static uint64
execute(const char *command, int nargs, Oid *types, Datum *values, const char *nulls, int expected)
{
	int			result = SPI_execute_with_args(command, nargs, types, values, nulls, false, 0);

	if (result != expected)
		elog(ERROR, "SPI_execute_with_args returned %s", SPI_result_code_string(result));
	return SPI_processed;
}

/* The same for one that has no parameter but the pipeline, and no result but that. */
static bool
execute_for(const char *command, Datum pipeline, int expected)
{
	Oid			type = TEXTOID;
	bool		result = execute(command, 1, &type, &pipeline, NULL, expected) > 0;

	SPI_freetuptable(SPI_tuptable);
	return result;
}

/* The definition tables have changed: bring the versions of a pipeline up to date. */
static void
record_pipeline(Datum pipeline, const Change *change)
{
	Oid			type = TEXTOID;

	if (execute(CHANGED_DEFINITION, 1, &type, &pipeline, NULL, SPI_OK_SELECT) > 0)
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

		bool		used = pipeline_take_use(TextDatumGetCString(pipeline));

		/* One that this transaction imported is not its own; one that leads were judged by stays. */
		if (!no_version && is_recent && !used && TransactionIdIsCurrentTransactionId(xmin))
		{
			Oid			types[] = {TEXTOID, INT4OID, JSONBOID};
			Datum		values[] = {pipeline, Int32GetDatum(version), definition};

			execute(AMEND_VERSION, 3, types, values, no_definition ? "  n" : NULL, SPI_OK_UPDATE);
		}
		else
		{
			Oid			types[] = {TEXTOID, INT4OID, TIMESTAMPTZOID, TEXTOID, JSONBOID};
			Datum		values[] = {pipeline, 0, TimestampTzGetDatum(change->at),
				CStringGetTextDatum(GetUserNameFromId(change->role, false)), definition};

			if (!no_version && version == PG_INT32_MAX)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("pipeline \"%s\" has no version numbers left",
								TextDatumGetCString(pipeline)),
						 errhint("Define it under another name.")));
			values[1] = Int32GetDatum(no_version ? 1 : version + 1);
			if (execute(ADD_VERSION, 5, types, values, no_definition ? "    n" : NULL,
						SPI_OK_INSERT) != 1)
				ereport(ERROR,
						(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						 errmsg("version %d of pipeline \"%s\" was added by somebody else",
								DatumGetInt32(values[1]), TextDatumGetCString(pipeline)),
						 errhint("Try again.")));
			execute_for(MARK_RECORDED, pipeline, SPI_OK_INSERT);
		}
	}
	execute_for(SET_CURRENT_VERSION, pipeline, SPI_OK_UPDATE);
}

/*
 * Versions were added by hand: bring the definition tables up to date. The
 * history of what was changed in this database cannot be added to, but by
 * those who could do anything to it.
 */
static void
import_pipeline(Datum pipeline, const Change *change)
{
	if (!has_privs_of_role(change->role, GetUserId()) &&
		execute_for(IS_RECORDED, pipeline, SPI_OK_SELECT))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("versions of pipeline \"%s\" cannot be added by hand",
						TextDatumGetCString(pipeline)),
				 errdetail("It was changed in this database, which recorded its own versions."),
				 errhint("Change it in funnel.pipeline, funnel.stage and funnel.transition; "
						 "import versions under a name that is new here.")));
	if (execute_for(VERSIONS_OUT_OF_ORDER, pipeline, SPI_OK_SELECT))
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION),
				 errmsg("versions of pipeline \"%s\" are not valid one after the other",
						TextDatumGetCString(pipeline)),
				 errhint("Give a later version a later valid_from.")));
	if (execute_for(CHANGED_DEFINITION, pipeline, SPI_OK_SELECT))
		for (size_t i = 0; i < lengthof(restore_definition); i++)
			execute_for(restore_definition[i], pipeline,
						i == 0 ? SPI_OK_DELETE : SPI_OK_INSERT);
	execute_for(SET_CURRENT_VERSION, pipeline, SPI_OK_UPDATE);
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

/*
 * Which of these tables the trigger is on. The queries trust their columns, so
 * no other will do.
 */
static const char *
trigger_table(FunctionCallInfo fcinfo, const char *function, const char *const *tables)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Relation	rel;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by a trigger", function)));
	if (!TRIGGER_FIRED_AFTER(trigdata->tg_event) ||
		!TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired AFTER a statement", function)));
	rel = trigdata->tg_relation;
	if (RelationGetNamespace(rel) == get_namespace_oid("funnel", true))
		for (; *tables != NULL; tables++)
			if (strcmp(RelationGetRelationName(rel), *tables) == 0)
				return *tables;
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("function \"%s\" is a trigger of extension funnel's own tables only", function),
			 errhint("Drop trigger \"%s\" of table \"%s\".",
					 trigdata->tg_trigger->tgname, RelationGetRelationName(rel))));
	return NULL;				/* keep the compiler quiet */
}

/* Calls a function for each pipeline that the statement touched, with the rights of the tables' owner. */
static void
for_each_pipeline(TriggerData *trigdata, const char *column,
				  void (*function) (Datum pipeline, const Change *change))
{
	Change		change;
	OwnerScope	scope;

	change.at = GetCurrentTimestamp();
	change.role = GetUserId();
	owner_scope_enter(&scope, relation_owner(get_relname_relid("pipeline_version",
															   get_namespace_oid("funnel", false))),
					  InvalidOid, false);
	(void) set_config_option("intervalstyle", "postgres", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	SPI_connect();
	if (SPI_register_trigger_data(trigdata) != SPI_OK_TD_REGISTER)
		elog(ERROR, "SPI_register_trigger_data failed");

	writing = true;
	PG_TRY();
	{
		Datum	   *pipelines;
		int			npipelines;

		deconstruct_array(affected_pipelines(trigdata->tg_event, column),
						  TEXTOID, -1, false, TYPALIGN_INT, &pipelines, NULL, &npipelines);
		for (int i = 0; i < npipelines; i++)
		{
			/* Whoever else changes it is done before anything is read, or waits. */
			execute_for(LOCK_PIPELINE, pipelines[i], SPI_OK_SELECT);
			function(pipelines[i], &change);
		}
	}
	PG_FINALLY();
	{
		writing = false;
	}
	PG_END_TRY();

	SPI_finish();
	owner_scope_leave(&scope);
}

/* funnel.record_version(): of the definition tables. */
Datum
record_version(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"pipeline", "stage", "transition", NULL};
	const char *table = trigger_table(fcinfo, "funnel.record_version", tables);

	if (!writing)
		for_each_pipeline((TriggerData *) fcinfo->context,
						  table == tables[0] ? "name" : "pipeline", record_pipeline);
	return PointerGetDatum(NULL);
}

/* funnel.import_versions(): of INSERT into the table of versions. */
Datum
import_versions(PG_FUNCTION_ARGS)
{
	static const char *const tables[] = {"pipeline_version", NULL};

	trigger_table(fcinfo, "funnel.import_versions", tables);
	if (!writing)
		for_each_pipeline((TriggerData *) fcinfo->context, "pipeline", import_pipeline);
	return PointerGetDatum(NULL);
}
