/*
 * support.c
 *	  What the planner is told of the functions: how many rows they return, what
 *	  they cost, and of how many rows a condition is true.
 *
 * Nothing here opens a table or takes a lock, and what is not known at planning
 * time is answered with "don't know": then the ROWS and COST of CREATE FUNCTION
 * count. Estimates of functions of a cohort go by its header, if the cohort is
 * a constant, or by the width that ANALYZE found, if it is a column. COST is
 * what a function costs of a cohort of USUAL_EVENTS.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "parser/parsetree.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "cohort.h"
#include "compat.h"
#include "lead_stage.h"
#include "support.h"

PG_FUNCTION_INFO_V1(cohort_support);
PG_FUNCTION_INFO_V1(comparison_support);
PG_FUNCTION_INFO_V1(lead_stage_test_support);

/* A cohort of which nothing is known. */
#define USUAL_EVENTS	10000
#define USUAL_LEADS		2000
#define USUAL_STAGES	10
#define USUAL_CHANNELS	19

/* A value in a row of a table that is as long has been moved to TOAST: how long it was, ANALYZE does not say. */
#define POINTER_WIDTH	32

/* Bytes of a small cohort: those of its header and labels, and of an event. */
#define HEAD_WIDTH		60
#define EVENT_WIDTH		6

/* ------------------------------------------------------------------------
 * Functions of a cohort
 * ------------------------------------------------------------------------
 */

/* What the rows of a result are counted by. */
typedef enum RowsPer
{
	PER_CALL,
	PER_EVENT,
	PER_LEAD,
	PER_STAGE,
	PER_CHANNEL
} RowsPer;

/* Rows: those of the unit by factor and elements, plus more; or most, if fewer. */
typedef struct RowsRule
{
	const char *name;			/* of the function */
	RowsPer		per;
	double		factor;
	int			more;
	int			array;			/* argument: each of its elements counts */
	int			more_elements;
	int			most;			/* argument: an upper limit */
} RowsRule;

static const RowsRule rules[] = {
	{.name = "steps", .per = PER_CALL, .factor = 1, .array = 1},
	{.name = "trace", .per = PER_LEAD, .factor = 1, .array = 1},
	{.name = "events", .per = PER_EVENT, .factor = 1},
	/* at most as many: most events are a stay of their own */
	{.name = "stays", .per = PER_EVENT, .factor = 1},
	{.name = "stages", .per = PER_STAGE, .factor = 1},
	/* the entry, the way on, and the stay that is open */
	{.name = "transitions", .per = PER_STAGE, .factor = 3},
	{.name = "aging", .per = PER_STAGE, .factor = 1, .array = 1, .more_elements = 1},
	{.name = "stale", .per = PER_LEAD, .factor = 0.1},
	{.name = "variants", .per = PER_LEAD, .factor = 1, .most = 1},
	/* one row for conversions that nothing touched */
	{.name = "touch_paths", .per = PER_LEAD, .factor = 1, .more = 1, .most = 4},
	/* at most as many: an outcome of each lead, at a time of its own */
	{.name = "outcomes", .per = PER_LEAD, .factor = 0.5},
	{.name = "attribution", .per = PER_CHANNEL, .factor = 1, .more = 1},
	/* at most as many: every event a touch that is credited */
	{.name = "credits", .per = PER_EVENT, .factor = 0.5},
};

static const RowsRule *
find_rule(Oid funcid)
{
	char	   *name = get_func_name(funcid);

	if (name != NULL)
		for (Size i = 0; i < lengthof(rules); i++)
			if (strcmp(rules[i].name, name) == 0)
				return &rules[i];
	return NULL;
}

/*
 * The arguments of a call. One that has its defaults yet to be inserted has
 * fewer than it takes, or names for them: NIL.
 */
static List *
call_args(Node *node, Oid funcid)
{
	List	   *args;
	ListCell   *cell;

	if (node == NULL || !IsA(node, FuncExpr) || ((FuncExpr *) node)->funcid != funcid)
		return NIL;
	args = ((FuncExpr *) node)->args;
	foreach(cell, args)
		if (IsA(lfirst(cell), NamedArgExpr))
			return NIL;
	return args;
}

/* The value that an argument has, or most likely has; NULL if that is not known. */
static Const *
arg_value(PlannerInfo *root, List *args, int n)
{
	Node	   *node;

	if (n >= list_length(args))
		return NULL;
	node = list_nth(args, n);
	if (!IsA(node, Const) && root != NULL)
		node = estimate_expression_value(root, node);
	return IsA(node, Const) ? (Const *) node : NULL;
}

/* The elements of an array; false if their number is not known. */
static bool
count_elements(PlannerInfo *root, List *args, int n, double *count)
{
	Const	   *value = arg_value(root, args, n);
	Node	   *node;

	if (value != NULL)
	{
		*count = 0;
		if (!value->constisnull)
		{
			ArrayType  *array;

			if (!OidIsValid(get_element_type(value->consttype)))
				return false;
			array = DatumGetArrayTypeP(value->constvalue);
			*count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
		}
		return true;
	}
	node = n < list_length(args) ? list_nth(args, n) : NULL;
	if (node == NULL || !IsA(node, ArrayExpr) || ((ArrayExpr *) node)->multidims)
		return false;
	*count = list_length(((ArrayExpr *) node)->elements);
	return true;
}

/* What is known of the cohort that a call is about. */
typedef struct Guess
{
	bool		null;			/* it is NULL */
	bool		counted;		/* sizes are those of a constant */
	bool		measured;		/* events and leads are known, if roughly */
	double		events;
	double		leads;
	double		stages;
	double		channels;
} Guess;

/* The width of a column, on average, as ANALYZE found it; 0 if that is not known. */
static int32
column_width(PlannerInfo *root, Node *node)
{
	Var		   *var = (Var *) node;
	RangeTblEntry *rte;

	if (root == NULL || !IsA(node, Var) || var->varlevelsup != 0 || IS_SPECIAL_VARNO(var->varno) ||
		(int) var->varno >= root->simple_rel_array_size)
		return 0;
	rte = planner_rt_fetch(var->varno, root);
	return rte->rtekind == RTE_RELATION ? get_attavgwidth(rte->relid, var->varattno) : 0;
}

static void
guess_cohort(PlannerInfo *root, List *args, Guess *guess)
{
	Node	   *node = linitial(args);
	int32		width;

	memset(guess, 0, sizeof(Guess));
	guess->events = USUAL_EVENTS;
	guess->leads = USUAL_LEADS;
	guess->stages = USUAL_STAGES;
	guess->channels = USUAL_CHANNELS;
	if (IsA(node, Const))
	{
		Const	   *value = (Const *) node;
		CohortSizes sizes;

		guess->null = value->constisnull;
		if (!value->constisnull && value->constlen == -1)
		{
			/* no more of it than its header is read */
			struct varlena *head = PG_DETOAST_DATUM_SLICE(value->constvalue, 0, COHORT_HEAD_MAX);

			guess->counted = guess->measured =
				flat_cohort_sizes(VARDATA_ANY(head), VARSIZE_ANY_EXHDR(head), &sizes);
			if (guess->counted)
			{
				guess->events = (double) sizes.events;
				guess->leads = (double) sizes.leads;
				guess->stages = (double) sizes.stages;
				guess->channels = (double) sizes.channels;
			}
		}
	}
	else if ((width = column_width(root, node)) > POINTER_WIDTH)
	{
		guess->measured = true;
		guess->events = 1 + Max(0, width - HEAD_WIDTH) / EVENT_WIDTH;
		guess->leads = ceil(guess->events * USUAL_LEADS / USUAL_EVENTS);
	}
}

/* The rows that a call returns; false: not known. */
static bool
estimate_rows(PlannerInfo *root, List *args, const RowsRule *rule, double *rows)
{
	Guess		guess;
	double		elements = 1;
	bool		known;

	guess_cohort(root, args, &guess);
	known = rule->per == PER_EVENT || rule->per == PER_LEAD ? guess.measured : guess.counted;
	*rows = rule->factor;
	if (guess.null)
	{
		*rows = 0;
		return true;
	}
	switch (rule->per)
	{
		case PER_CALL:
			break;
		case PER_EVENT:
			*rows *= guess.events;
			break;
		case PER_LEAD:
			*rows *= guess.leads;
			break;
		case PER_STAGE:
			*rows *= guess.stages;
			break;
		case PER_CHANNEL:
			*rows *= guess.channels;
			break;
	}
	if (rule->array > 0)
	{
		if (count_elements(root, args, rule->array, &elements))
			known = true;
		else if (rule->per == PER_CALL || !known)
			return false;
		else
			elements = 4;
		*rows *= elements + rule->more_elements;
	}
	if (rule->most > 0)
	{
		Const	   *most = arg_value(root, args, rule->most);

		if (most != NULL && most->consttype == INT4OID && !most->constisnull)
		{
			*rows = Min(*rows, Max(DatumGetInt32(most->constvalue), 0));
			known = true;
		}
		else
			return false;
	}
	*rows += rule->more;
	return known;
}

/* What a call costs goes by the events it reads; false: not known. */
static bool
estimate_cost(PlannerInfo *root, List *args, Oid funcid, Cost *cost)
{
	Guess		guess;
	HeapTuple	tuple;

	guess_cohort(root, args, &guess);
	if (!guess.measured && !guess.null)
		return false;
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	if (!HeapTupleIsValid(tuple))
		return false;
	/* a hundredth for beginning at all */
	*cost = ((Form_pg_proc) GETSTRUCT(tuple))->procost * cpu_operator_cost *
		(guess.null ? 0 : 0.01 + guess.events / USUAL_EVENTS);
	ReleaseSysCache(tuple);
	return true;
}

Datum
cohort_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;
		const RowsRule *rule = find_rule(rows->funcid);
		List	   *args = call_args(rows->node, rows->funcid);

		if (rule != NULL && args != NIL && estimate_rows(rows->root, args, rule, &rows->rows))
			PG_RETURN_POINTER(request);
	}
	else if (IsA(request, SupportRequestCost))
	{
		SupportRequestCost *cost = (SupportRequestCost *) request;
		List	   *args = call_args(cost->node, cost->funcid);

		if (args != NIL && estimate_cost(cost->root, args, cost->funcid, &cost->per_tuple))
		{
			cost->startup = 0;
			PG_RETURN_POINTER(request);
		}
	}
	PG_RETURN_POINTER(NULL);
}

/*
 * The planner takes a function in FROM for one that is called once, whose rows
 * are then kept: its cost is that of starting. In
 *
 *		FROM cohort_by_month, funnel.steps(c, ...)
 *
 * it is called for each row. There, and for these functions only, the cost is
 * made that of each scan, or no plan would seem worth the start of a worker.
 */
static set_rel_pathlist_hook_type next_hook = NULL;

static bool
is_supported(Node *node)
{
	FmgrInfo	support;
	Oid			oid = IsA(node, FuncExpr) ? get_func_support(((FuncExpr *) node)->funcid) : InvalidOid;

	if (!OidIsValid(oid))
		return false;
	fmgr_info(oid, &support);
	return support.fn_addr == cohort_support;
}

static void
charge_each_call(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	ListCell   *cell;

	if (next_hook != NULL)
		next_hook(root, rel, rti, rte);
	if (rte->rtekind != RTE_FUNCTION || bms_is_empty(rel->lateral_relids))
		return;
	foreach(cell, rte->functions)
		if (!is_supported(((RangeTblFunction *) lfirst(cell))->funcexpr))
			return;
	foreach(cell, rel->pathlist)
		if (((Path *) lfirst(cell))->pathtype == T_FunctionScan)
			((Path *) lfirst(cell))->startup_cost = 0;
}

void
support_install_hook(void)
{
	next_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = charge_each_call;
}

/* ------------------------------------------------------------------------
 * Comparisons
 * ------------------------------------------------------------------------
 */

/* The operator of the type that func implements: one of its btree family, its equality, or the negator of that. */
static Oid
operator_of_function(Oid func, Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_EQ_OPR);
	Oid			op = entry->eq_opr;

	if (OidIsValid(op))
	{
		if (get_opcode(op) == func)
			return op;
		op = get_negator(op);
		if (OidIsValid(op) && get_opcode(op) == func)
			return op;
	}
	if (OidIsValid(entry->btree_opf))
		for (int strategy = 1; strategy <= BTMaxStrategyNumber; strategy++)
		{
			op = get_opfamily_member(entry->btree_opf, type, type, (int16) strategy);
			if (OidIsValid(op) && get_opcode(op) == func)
				return op;
		}
	return InvalidOid;
}

/*
 * A call of a comparison function is planned as its operator, so that who
 * writes funnel.cohort_eq(a, b), because the operators are not on the
 * search_path, gets the same indexes, joins and estimates.
 *
 * The planner asks this for the operator itself too; the answer is then the
 * same operator again.
 */
Datum
comparison_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);
	Node	   *answer = NULL;

	if (IsA(request, SupportRequestSimplify))
	{
		FuncExpr   *call = ((SupportRequestSimplify *) request)->fcall;
		Expr	   *left = (Expr *) linitial(call->args);
		Expr	   *right = (Expr *) lsecond(call->args);
		Oid			op = operator_of_function(call->funcid, exprType((Node *) left));

		if (OidIsValid(op))
		{
			answer = (Node *) make_opclause(op, BOOLOID, false, left, right, InvalidOid, InvalidOid);
			set_opfuncid((OpExpr *) answer);
		}
	}
	PG_RETURN_POINTER(answer);
}

/* ------------------------------------------------------------------------
 * Is a stage of this kind?
 * ------------------------------------------------------------------------
 */

/* The share of rows whose stage is one that the function func is true for. */
static Selectivity
stage_selectivity(SupportRequestSelectivity *request)
{
	VariableStatData vardata;
	AttStatsSlot slot;
	double		nulls = 0;
	double		listed = 0;
	double		found = 0;
	int			stages = 0;

	/* where nothing is known, all stages are as frequent */
	for (int stage = LEAD_STAGE_FIRST; stage <= LEAD_STAGE_LAST; stage++)
		if (DatumGetBool(OidFunctionCall1(request->funcid, LeadStageGetDatum(stage))))
			stages++;
	examine_variable(request->root, linitial(request->args), request->varRelid, &vardata);
	if (HeapTupleIsValid(vardata.statsTuple) &&
		statistic_proc_security_check(&vardata, request->funcid))
	{
		nulls = ((Form_pg_statistic) GETSTRUCT(vardata.statsTuple))->stanullfrac;
		if (get_attstatsslot(&slot, vardata.statsTuple, STATISTIC_KIND_MCV, InvalidOid,
							 ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS))
		{
			Oid		   *types;
			int			n;

			/* those of a type that only has a cast to ours are of no use */
			(void) get_func_signature(request->funcid, &types, &n);
			for (int i = 0; slot.valuetype == types[0] && i < slot.nvalues; i++)
			{
				listed += slot.numbers[i];
				if (DatumGetBool(OidFunctionCall1(request->funcid, slot.values[i])))
					found += slot.numbers[i];
			}
			free_attstatsslot(&slot);
		}
	}
	ReleaseVariableStats(vardata);
	/* those not listed are few */
	found += Max(1 - nulls - listed, 0) * stages / LEAD_STAGE_LAST;
	return Min(Max(found, 0), 1);
}

Datum
lead_stage_test_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSelectivity))
	{
		SupportRequestSelectivity *selectivity = (SupportRequestSelectivity *) request;

		if (list_length(selectivity->args) == 1)
		{
			selectivity->selectivity = stage_selectivity(selectivity);
			PG_RETURN_POINTER(request);
		}
	}
	PG_RETURN_POINTER(NULL);
}
