/*
 * pipeline.c
 *	  The cache of pipelines, and the trigger that tells it of changes.
 *
 * A change of a definition table sends an invalidation of that of pipelines to
 * all backends (definition_changed()), which they see before their next
 * statement; the sender itself at its next command, and again if it rolls
 * back. The callback only marks: it may be called at any time, even while a
 * pipeline is being read, and must not touch the catalogs or free anything.
 *
 * Reading goes by a scan with a fresh snapshot, as for system catalogs: SPI
 * would see an old definition at REPEATABLE READ, and depend on the rights and
 * the search_path of whoever changes a lead.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "storage/proc.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "pipeline.h"

PG_FUNCTION_INFO_V1(definition_changed);

#define DEFINITION_SCHEMA	"funnel"
#define DEFINITION_TABLE	"pipeline"	/* the one whose invalidation is sent */

/* Pipelines of this backend; the name is the key. */
typedef struct CacheEntry
{
	char		name[NAMEDATALEN * 4];	/* longer names are not kept */
	Pipeline   *pipeline;		/* NULL: to be read */
	LocalTransactionId used;	/* by this transaction; see pipeline_take_use() */
} CacheEntry;

static HTAB *cache = NULL;
static Oid	definition_table = InvalidOid;

/* Counts the changes heard of: a pipeline read while one came is not kept. */
static uint64 changes = 0;
static uint64 changes_applied = 0;

static void
definitions_invalidated(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == definition_table)
		changes++;
}

static void
release_pipeline(void *arg)
{
	Pipeline   *pipeline = arg;

	Assert(pipeline->holders > 0);
	if (--pipeline->holders == 0 && pipeline->stale)
		MemoryContextDelete(pipeline->cxt);
}

static void
hold_pipeline(Pipeline *pipeline, MemoryContext cxt)
{
	MemoryContextCallback *callback = MemoryContextAlloc(cxt, sizeof(MemoryContextCallback));

	callback->func = release_pipeline;
	callback->arg = pipeline;
	pipeline->holders++;
	MemoryContextRegisterResetCallback(cxt, callback);
}

/* The cache lets go of a pipeline; statements that hold it go on with it. */
static void
discard_pipeline(Pipeline *pipeline)
{
	pipeline->stale = true;
	if (pipeline->holders == 0)
		MemoryContextDelete(pipeline->cxt);
}

static void
apply_changes(void)
{
	HASH_SEQ_STATUS seq;
	CacheEntry *entry;

	if (changes == changes_applied)
		return;
	changes_applied = changes;
	hash_seq_init(&seq, cache);
	while ((entry = hash_seq_search(&seq)) != NULL)
	{
		Pipeline   *pipeline = entry->pipeline;

		entry->pipeline = NULL;
		if (pipeline != NULL)
			discard_pipeline(pipeline);
	}
}

static void
create_cache(void)
{
	HASHCTL		ctl;

	memset(&ctl, 0, sizeof(ctl));
	ctl.keysize = sizeof(((CacheEntry *) NULL)->name);
	ctl.entrysize = sizeof(CacheEntry);
	cache = hash_create("funnel pipelines", 16, &ctl, HASH_ELEM | HASH_STRINGS);
	CacheRegisterRelcacheCallback(definitions_invalidated, (Datum) 0);
}

/* ------------------------------------------------------------------------
 * Reading the definition
 * ------------------------------------------------------------------------
 */

typedef void (*RowReader) (Pipeline *pipeline, const Datum *values, const bool *nulls);

static Relation
open_definition(const char *name)
{
	Oid			schema = get_namespace_oid(DEFINITION_SCHEMA, false);
	Oid			relid = get_relname_relid(name, schema);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"%s.%s\" does not exist", DEFINITION_SCHEMA, name),
				 errhint("Create extension funnel again.")));
	return table_open(relid, AccessShareLock);
}

static bool
text_is(Datum value, const char *name)
{
	text	   *t = DatumGetTextPP(value);

	return VARSIZE_ANY_EXHDR(t) == strlen(name) &&
		memcmp(VARDATA_ANY(t), name, strlen(name)) == 0;
}

/* Hands the rows of that pipeline to a reader; all tables are small. */
static void
read_definition(const char *table, AttrNumber pipeline_column, Snapshot snapshot,
				Pipeline *pipeline, RowReader reader)
{
	Relation	rel = open_definition(table);
	TupleDesc	desc = RelationGetDescr(rel);
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc(desc->natts * sizeof(bool));
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		heap_deform_tuple(tuple, desc, values, nulls);
		if (!nulls[pipeline_column - 1] &&
			text_is(values[pipeline_column - 1], pipeline->name))
			reader(pipeline, values, nulls);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	pfree(values);
	pfree(nulls);
}

static char *
copy_name(const Pipeline *pipeline, Datum value)
{
	char	   *name = TextDatumGetCString(value);
	char	   *copy = MemoryContextStrdup(pipeline->cxt, name);

	pfree(name);
	return copy;
}

static char **
copy_names(const Pipeline *pipeline, Datum value, bool isnull, int *n)
{
	Datum	   *elems;
	bool	   *nulls;
	char	  **names;

	*n = 0;
	if (isnull)
		return NULL;
	deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT,
					  &elems, &nulls, n);
	names = MemoryContextAlloc(pipeline->cxt, (*n + 1) * sizeof(char *));
	for (int i = 0; i < *n; i++)
		names[i] = copy_name(pipeline, elems[i]);
	return names;
}

/* Room for one more element of an array that grows by doubling. */
#define GROW(pipeline, array, n) \
	do { \
		if ((n) == 0) \
			(array) = MemoryContextAlloc((pipeline)->cxt, sizeof(*(array))); \
		else if (((n) & ((n) - 1)) == 0) \
			(array) = repalloc(array, 2 * (Size) (n) * sizeof(*(array))); \
	} while (0)

static void
read_pipeline_row(Pipeline *pipeline, const Datum *values, const bool *nulls)
{
	pipeline->version = DatumGetInt32(values[Anum_pipeline_version - 1]);
}

static void
read_stage_row(Pipeline *pipeline, const Datum *values, const bool *nulls)
{
	PipelineStage *stage;

	GROW(pipeline, pipeline->stages, pipeline->nstages);
	stage = &pipeline->stages[pipeline->nstages++];
	stage->name = copy_name(pipeline, values[Anum_stage_stage - 1]);
	stage->len = strlen(stage->name);
	stage->position = DatumGetInt32(values[Anum_stage_position - 1]);
	stage->owner = nulls[Anum_stage_owner - 1] ? NULL :
		copy_name(pipeline, values[Anum_stage_owner - 1]);
	stage->sla = NULL;
	if (!nulls[Anum_stage_sla - 1])
	{
		stage->sla = MemoryContextAlloc(pipeline->cxt, sizeof(Interval));
		*stage->sla = *DatumGetIntervalP(values[Anum_stage_sla - 1]);
	}
	stage->requires = copy_names(pipeline, values[Anum_stage_requires - 1],
								 nulls[Anum_stage_requires - 1], &stage->nrequires);
}

static void
read_transition_row(Pipeline *pipeline, const Datum *values, const bool *nulls)
{
	PipelineTransition *transition;
	text	   *from = nulls[Anum_transition_from_stage - 1] ? NULL :
		DatumGetTextPP(values[Anum_transition_from_stage - 1]);
	text	   *to = DatumGetTextPP(values[Anum_transition_to_stage - 1]);
	int			from_index = NO_STAGE;
	int			to_index = pipeline_stage(pipeline, VARDATA_ANY(to), VARSIZE_ANY_EXHDR(to));

	if (from != NULL)
	{
		from_index = pipeline_stage(pipeline, VARDATA_ANY(from), VARSIZE_ANY_EXHDR(from));
		if (from_index == NO_STAGE)
			return;				/* foreign keys switched off */
	}
	if (to_index == NO_STAGE)
		return;
	GROW(pipeline, pipeline->transitions, pipeline->ntransitions);
	transition = &pipeline->transitions[pipeline->ntransitions++];
	transition->from = from_index;
	transition->to = to_index;
	transition->requires = copy_names(pipeline, values[Anum_transition_requires - 1],
									  nulls[Anum_transition_requires - 1],
									  &transition->nrequires);
}

static int
name_cmp(const char *a, int alen, const char *b, int blen)
{
	int			c = memcmp(a, b, Min(alen, blen));

	return c != 0 ? c : alen - blen;
}

static int
stage_cmp(const void *a, const void *b)
{
	const PipelineStage *x = a;
	const PipelineStage *y = b;

	return name_cmp(x->name, x->len, y->name, y->len);
}

static int
position_cmp(const void *a, const void *b, void *arg)
{
	const Pipeline *pipeline = arg;
	int			x = pipeline->stages[*(const int *) a].position;
	int			y = pipeline->stages[*(const int *) b].position;

	return (x > y) - (x < y);
}

static int
transition_cmp(const void *a, const void *b)
{
	const PipelineTransition *x = a;
	const PipelineTransition *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

static Pipeline *
read_pipeline(const char *name)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "funnel pipeline",
											  ALLOCSET_SMALL_SIZES);
	Pipeline   *pipeline = MemoryContextAllocZero(cxt, sizeof(Pipeline));
	Snapshot	snapshot;

	/* first of all, so that no change of it that the snapshot does not see goes unheard */
	definition_table = get_relname_relid(DEFINITION_TABLE, get_namespace_oid(DEFINITION_SCHEMA, false));
	/* one snapshot for all three, so that they agree; a new one, also in parallel mode */
	snapshot = RegisterSnapshot(GetCatalogSnapshot(InvalidOid));
	pipeline->cxt = cxt;
	pipeline->name = MemoryContextStrdup(cxt, name);
	read_definition(DEFINITION_TABLE, Anum_pipeline_name, snapshot, pipeline, read_pipeline_row);
	if (pipeline->version == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("pipeline \"%s\" does not exist", name),
				 errhint("Table funnel.pipeline lists those there are; funnel.create_pipeline() makes one.")));
	read_definition("stage", Anum_stage_pipeline, snapshot, pipeline, read_stage_row);
	if (pipeline->nstages > 0)
		qsort(pipeline->stages, pipeline->nstages, sizeof(PipelineStage), stage_cmp);
	pipeline->by_position = MemoryContextAlloc(cxt, (pipeline->nstages + 1) * sizeof(int));
	for (int i = 0; i < pipeline->nstages; i++)
		pipeline->by_position[i] = i;
	qsort_arg(pipeline->by_position, pipeline->nstages, sizeof(int), position_cmp, pipeline);

	read_definition("transition", Anum_transition_pipeline, snapshot, pipeline,
					read_transition_row);
	UnregisterSnapshot(snapshot);
	if (pipeline->ntransitions > 0)
		qsort(pipeline->transitions, pipeline->ntransitions, sizeof(PipelineTransition),
			  transition_cmp);
	return pipeline;
}

/* Can a lead enter, and get to every stage? */
static void
check_sound(Pipeline *pipeline)
{
	bool	   *reached;
	bool		more = true;
	const char *missing = NULL;

	if (pipeline->sound)
		return;
	reached = palloc0(pipeline->nstages + 1);
	while (more)
	{
		more = false;
		for (int i = 0; i < pipeline->ntransitions; i++)
		{
			const PipelineTransition *t = &pipeline->transitions[i];

			if (!reached[t->to] && (t->from == NO_STAGE || reached[t->from]))
				more = reached[t->to] = true;
		}
	}
	for (int i = 0; i < pipeline->nstages && missing == NULL; i++)
		if (!reached[pipeline->by_position[i]])
			missing = pipeline->stages[pipeline->by_position[i]].name;
	if (pipeline->nstages == 0 || missing != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("pipeline \"%s\" is not sound", pipeline->name),
				 missing == NULL ? errdetail("It has no stages.") :
				 errdetail("No path from an entry leads to stage \"%s\".", missing),
				 errhint("SELECT * FROM funnel.check_pipeline(%s) tells what is wrong with it.",
						 quote_literal_cstr(pipeline->name))));
	pfree(reached);
	pipeline->sound = true;
}

const Pipeline *
pipeline_get(const char *name, bool sound, MemoryContext cxt)
{
	CacheEntry *entry = NULL;
	Pipeline   *pipeline;
	uint64		changes_before;

	if (cache == NULL)
		create_cache();
	AcceptInvalidationMessages();
	apply_changes();
	if (strlen(name) < sizeof(entry->name))
		entry = hash_search(cache, name, HASH_FIND, NULL);
	if (entry != NULL && entry->pipeline != NULL)
		pipeline = entry->pipeline;
	else
	{
		changes_before = changes;
		pipeline = read_pipeline(name);
		MemoryContextSetParent(pipeline->cxt, CacheMemoryContext);
		pipeline->stale = true;
		if (entry == NULL && strlen(name) < sizeof(entry->name))
		{
			entry = hash_search(cache, name, HASH_ENTER, NULL);
			entry->pipeline = NULL;
		}
		if (entry != NULL && changes == changes_before)
		{
			entry->pipeline = pipeline;
			pipeline->stale = false;
		}
	}
	if (entry != NULL)
		entry->used = MY_LXID;
	hold_pipeline(pipeline, cxt);
	if (sound)
		check_sound(pipeline);
	return pipeline;
}

bool
pipeline_take_use(const char *name)
{
	CacheEntry *entry;
	bool		used;

	if (strlen(name) >= sizeof(entry->name))
		return true;			/* not kept: it may have been */
	entry = cache == NULL ? NULL : hash_search(cache, name, HASH_FIND, NULL);
	used = entry != NULL && entry->used == MY_LXID;
	if (entry != NULL)
		entry->used = InvalidLocalTransactionId;
	return used;
}

/* ------------------------------------------------------------------------
 * Asking
 * ------------------------------------------------------------------------
 */

int
pipeline_stage(const Pipeline *pipeline, const char *name, int len)
{
	int			low = 0;
	int			high = pipeline->nstages;

	while (low < high)
	{
		int			mid = (low + high) / 2;
		const PipelineStage *stage = &pipeline->stages[mid];
		int			c = name_cmp(name, len, stage->name, stage->len);

		if (c == 0)
			return mid;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NO_STAGE;
}

const PipelineTransition *
pipeline_transition(const Pipeline *pipeline, int from, int to)
{
	PipelineTransition sought;

	if (pipeline->ntransitions == 0 || to == NO_STAGE)
		return NULL;
	sought.from = from;
	sought.to = to;
	return bsearch(&sought, pipeline->transitions, pipeline->ntransitions,
				   sizeof(PipelineTransition), transition_cmp);
}

/* ------------------------------------------------------------------------
 * Hearing of changes
 * ------------------------------------------------------------------------
 */

/*
 * funnel.definition_changed(): by row, so that logical replication fires it
 * too; on TRUNCATE by statement.
 */
Datum
definition_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Oid			relid;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by a trigger", "funnel.definition_changed")));
	relid = get_relname_relid(DEFINITION_TABLE, get_namespace_oid(DEFINITION_SCHEMA, false));
	if (OidIsValid(relid))
		CacheInvalidateRelcacheByRelid(relid);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
						   trigdata->tg_newtuple : trigdata->tg_trigtuple);
}
