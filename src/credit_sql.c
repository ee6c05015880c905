/*
 * credit_sql.c
 *	  SQL functions over the models of attribution: attribution_model(), which
 *	  writes one down, and the window function credit(), which applies one to
 *	  rows of touches.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"
#include "windowapi.h"

#include "args.h"
#include "compat.h"
#include "credit_sql.h"

PG_FUNCTION_INFO_V1(attribution_model);
PG_FUNCTION_INFO_V1(funnel_credit);

#define MODEL_NAMES "first, last, linear, u_shaped, w_shaped, full_path, j_shaped, inverse_j, time_decay, markov and shapley"

/* A weight as a whole number of millionths. */
static uint32
weight(double value, const char *name)
{
	double		scaled = rint(value * WEIGHT_ONE);

	if (isnan(value) || value < 0 || scaled > WEIGHT_MAX || (value > 0 && scaled == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weight \"%s\" must be 0, or between 0.000001 and %d", name, WEIGHT_MAX / WEIGHT_ONE),
				 errdetail("It is %s.", float8out_internal(value)),
				 errhint("Only the proportion of weights matters: 40, 40, 20 is the same as 0.4, 0.4, 0.2.")));
	return (uint32) scaled;
}

static void
check_weights(const Model *model)
{
	uint64		sum = (uint64) model->first + model->last + model->middle;

	for (int i = 0; i < model->nmilestones; i++)
		sum += model->milestones[i];
	if (sum == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("all weights of the model are zero"),
				 errhint("Give at least one of \"first\", \"last\", \"middle\" and \"milestones\" a weight.")));
}

static void
check_number_of_milestones(int n)
{
	if (n > MILESTONES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many milestones: %d", n),
				 errhint("A model can have at most %d.", MILESTONES_MAX)));
}

/* One of two words; is it the second? */
static bool
choice(const char *value, const char *name, const char *first, const char *second)
{
	if (strcmp(value, second) == 0)
		return true;
	if (strcmp(value, first) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown value \"%s\" for \"%s\"", value, name),
				 errhint("It is '%s' or '%s'.", first, second)));
	return false;
}

/* ------------------------------------------------------------------------
 * A model as text
 * ------------------------------------------------------------------------
 */

static void
bad_model(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("model is not one that funnel.attribution_model() writes"),
			 errdetail_internal("%s", detail),
			 errhint("Call funnel.attribution_model(first, last, middle, milestones, ...) and pass what it returns.")));
}

static double
jsonb_number(const JsonbValue *value, const char *key)
{
	double		number;

	if (value->type != jbvNumeric)
		bad_model(psprintf("\"%s\" is not a number.", key));
	number = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
												NumericGetDatum(value->val.numeric)));
	/* what is too small for a float is no zero */
	if (number == 0 && strpbrk(DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))),
							   "123456789") != NULL)
		number = 1e-300;
	return number;
}

static const char *
jsonb_word(const JsonbValue *value, const char *key)
{
	if (value->type != jbvString)
		bad_model(psprintf("\"%s\" is not a string.", key));
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static void
read_milestones(Model *model, const JsonbValue *value)
{
	JsonbIterator *it;
	JsonbValue	element;
	JsonbIteratorToken token;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
		bad_model("\"milestones\" is not an array.");
	check_number_of_milestones((int) JsonContainerSize(value->val.binary.data));
	it = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			model->milestones[model->nmilestones++] = weight(jsonb_number(&element, "milestones"),
															 "milestones");
}

static void
read_model(Model *model, char *name)
{
	Jsonb	   *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(name)));
	JsonbIterator *it;
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;

	memset(model, 0, sizeof(Model));
	model->kind = MODEL_POSITION;
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		char	   *field;

		if (token != WJB_KEY)
			continue;
		field = pnstrdup(key.val.string.val, key.val.string.len);
		JsonbIteratorNext(&it, &value, true);
		if (strcmp(field, "first") == 0)
			model->first = weight(jsonb_number(&value, field), field);
		else if (strcmp(field, "last") == 0)
			model->last = weight(jsonb_number(&value, field), field);
		else if (strcmp(field, "middle") == 0)
			model->middle = weight(jsonb_number(&value, field), field);
		else if (strcmp(field, "milestones") == 0)
			read_milestones(model, &value);
		else if (strcmp(field, "no_middle") == 0)
			model->even = choice(jsonb_word(&value, field), field, "normalize", "even");
		else if (strcmp(field, "missing") == 0)
			model->next = choice(jsonb_word(&value, field), field, "drop", "next");
		else if (strcmp(field, "scope") == 0)
			model->all = choice(jsonb_word(&value, field), field, "between", "all");
		else
			bad_model(psprintf("There is no \"%s\".", field));
	}
	check_weights(model);
	model_reduce(model);
}

void
arg_model(FunctionCallInfo fcinfo, int n, Model *model)
{
	char	   *name = text_to_cstring(arg_text(fcinfo, n, "model"));

	if (name[0] == '{')
		read_model(model, name);
	else if (!model_by_name(model, name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown model \"%s\"", name),
				 errhint("The models are " MODEL_NAMES ", and what funnel.attribution_model() returns.")));
}

uint64
arg_half_life(FunctionCallInfo fcinfo, int n)
{
	const Interval *interval;
	uint64		limit;

	if (PG_ARGISNULL(n))
		return NO_LIMIT;
	interval = PG_GETARG_INTERVAL_P(n);
	if (interval_span(interval) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"half_life\" must not be negative"),
				 errdetail("It is %s.",
						   DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(interval)))),
				 errhint("Pass the time in which a touch loses half of its weight, as in '7 days', or NULL for none.")));
	limit = interval_limit(interval);
	/* longer than all of time */
	return limit == NO_LIMIT - 1 ? NO_LIMIT : limit;
}

void
check_milestones(const Model *model, int given, const char *hint)
{
	if (model->kind == MODEL_POSITION && model->nmilestones > 0 && given != model->nmilestones)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the number of milestones that the model needs is %d, not %d",
						model->nmilestones, given),
				 errhint("%s", hint)));
}

/* An argument that is a weight; NULL is an error. */
static uint32
arg_weight(FunctionCallInfo fcinfo, int n, const char *name)
{
	arg_not_null(fcinfo, n, name);
	return weight(PG_GETARG_FLOAT8(n), name);
}

static void
arg_milestone_weights(FunctionCallInfo fcinfo, int n, Model *model)
{
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	arg_not_null(fcinfo, n, "milestones");
	array = PG_GETARG_ARRAYTYPE_P(n);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("argument \"milestones\" must be a one-dimensional array"),
				 errhint("Write the weights as '{0.3,0.3}'.")));
	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &elements, &nulls, &count);
	check_number_of_milestones(count);
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"milestones\" has a null element"),
					 errdetail("Element %d is null.", i + 1),
					 errhint("Give each milestone a weight; 0 is one.")));
		model->milestones[i] = weight(DatumGetFloat8(elements[i]), "milestones");
	}
	model->nmilestones = count;
}

static void
append_weight(StringInfo json, const char *name, uint32 value)
{
	appendStringInfo(json, "%s%s%.10g", name, name[0] == '\0' ? "" : ": ",
					 (double) value / WEIGHT_ONE);
}

Datum
attribution_model(PG_FUNCTION_ARGS)
{
	Model		model = {.kind = MODEL_POSITION};
	StringInfoData json;

	model.first = arg_weight(fcinfo, 0, "first");
	model.last = arg_weight(fcinfo, 1, "last");
	model.middle = arg_weight(fcinfo, 2, "middle");
	arg_milestone_weights(fcinfo, 3, &model);
	model.even = choice(text_to_cstring(arg_text(fcinfo, 4, "no_middle")), "no_middle", "normalize", "even");
	model.next = choice(text_to_cstring(arg_text(fcinfo, 5, "missing")), "missing", "drop", "next");
	model.all = choice(text_to_cstring(arg_text(fcinfo, 6, "scope")), "scope", "between", "all");
	check_weights(&model);

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	append_weight(&json, "\"first\"", model.first);
	append_weight(&json, ", \"last\"", model.last);
	append_weight(&json, ", \"middle\"", model.middle);
	appendStringInfoString(&json, ", \"milestones\": [");
	for (int i = 0; i < model.nmilestones; i++)
	{
		if (i > 0)
			appendStringInfoString(&json, ", ");
		append_weight(&json, "", model.milestones[i]);
	}
	appendStringInfo(&json, "], \"no_middle\": \"%s\", \"missing\": \"%s\", \"scope\": \"%s\"}",
					 model.even ? "even" : "normalize", model.next ? "next" : "drop",
					 model.all ? "all" : "between");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(json.data, json.len));
}

/* ------------------------------------------------------------------------
 * The window function
 * ------------------------------------------------------------------------
 */

/* The credits of one partition, which is one conversion. */
typedef struct PartitionCredit
{
	bool		ready;
	double	   *credits;		/* by row; NaN where the row is no touch of it */
} PartitionCredit;

enum
{
	ARG_MODEL,
	ARG_TOUCHED_AT,
	ARG_CONVERTED_AT,
	ARG_MILESTONES,
	ARG_HALF_LIFE
};

static bool
row_time(WindowObject winobj, int arg, int64 row, int64 *at)
{
	bool		isnull;
	bool		isout;
	Datum		value = WinGetFuncArgInPartition(winobj, arg, (int) row, WINDOW_SEEK_HEAD,
												 false, &isnull, &isout);

	Assert(!isout);
	if (!isnull)
		*at = DatumGetTimestampTz(value);
	return !isnull;
}

/* The times of milestones: a jsonb array of times and nulls. */
static int
row_milestones(WindowObject winobj, int64 *milestones)
{
	bool		isnull;
	Datum		datum = WinGetFuncArgCurrent(winobj, ARG_MILESTONES, &isnull);
	Jsonb	   *json;
	JsonbIterator *it;
	JsonbValue	value;
	JsonbIteratorToken token;
	int			n = 0;

	if (isnull)
		return 0;
	json = DatumGetJsonbP(datum);
	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"milestones\" must be a JSON array"),
				 errhint("Write it as jsonb_build_array(mql_at, sql_at), with NULL for a milestone that was not entered.")));
	check_number_of_milestones((int) JB_ROOT_COUNT(json));
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (value.type == jbvNull)
			milestones[n++] = MILESTONE_NONE;
		else if (value.type == jbvString)
			milestones[n++] = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in,
																	  CStringGetDatum(pnstrdup(value.val.string.val,
																							   value.val.string.len)),
																	  ObjectIdGetDatum(InvalidOid),
																	  Int32GetDatum(-1)));
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("element %d of argument \"milestones\" is no time", n + 1),
					 errhint("Write them as jsonb_build_array(mql_at, sql_at), with NULL for a milestone that was not entered.")));
	}
	return n;
}

static uint64
row_half_life(FunctionCallInfo fcinfo, WindowObject winobj)
{
	/* the argument where arg_half_life() reads it */
	fcinfo->args[ARG_HALF_LIFE].value = WinGetFuncArgCurrent(winobj, ARG_HALF_LIFE,
															 &fcinfo->args[ARG_HALF_LIFE].isnull);
	return arg_half_life(fcinfo, ARG_HALF_LIFE);
}

static void
row_model(FunctionCallInfo fcinfo, WindowObject winobj, Model *model, int64 *milestones)
{
	int			n;

	fcinfo->args[ARG_MODEL].value = WinGetFuncArgCurrent(winobj, ARG_MODEL,
														 &fcinfo->args[ARG_MODEL].isnull);
	arg_model(fcinfo, ARG_MODEL, model);
	if (model->kind == MODEL_MARKOV || model->kind == MODEL_SHAPLEY)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("model \"%s\" cannot be used by funnel.credit()",
						model->kind == MODEL_MARKOV ? "markov" : "shapley"),
				 errdetail("It depends on the channels, which the function is not told."),
				 errhint("Use funnel.credits() or funnel.attribution().")));
	if (model->nmilestones > 0)
	{
		n = row_milestones(winobj, milestones);
		check_milestones(model, n, "Give their times in the order of the model's weights, as in jsonb_build_array(mql_at, sql_at).");
	}
	if (model->kind == MODEL_TIME_DECAY)
		model->half_life = row_half_life(fcinfo, winobj);
}

static void
fill_partition(FunctionCallInfo fcinfo, WindowObject winobj, PartitionCredit *partition)
{
	MemoryContext cxt = GetMemoryChunkContext(partition);
	int64		nrows = WinGetPartitionRowCount(winobj);
	int64	   *at = MemoryContextAllocHuge(cxt, (Size) nrows * sizeof(int64));
	int64	   *rows = MemoryContextAllocHuge(cxt, (Size) nrows * sizeof(int64));
	int64		milestones[MILESTONES_MAX];
	int64		converted_at = 0;
	bool		converted = false;
	Journey		journey = {.at = at, .milestones = milestones};
	Model		model;
	Splitter	splitter;

	row_model(fcinfo, winobj, &model, milestones);
	partition->credits = MemoryContextAllocHuge(cxt, (Size) nrows * sizeof(double));
	for (int64 row = 0; row < nrows; row++)
	{
		int64		conversion;
		bool		known = row_time(winobj, ARG_CONVERTED_AT, row, &conversion);

		CHECK_FOR_INTERRUPTS();
		if (row > 0 && (known != converted || (known && conversion != converted_at)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("\"converted_at\" differs within a partition of the window"),
					 errhint("Let each partition be one conversion: PARTITION BY its key.")));
		converted = known;
		converted_at = known ? conversion : 0;
		partition->credits[row] = get_float8_nan();
		if (!known || !row_time(winobj, ARG_TOUCHED_AT, row, &at[journey.n]) ||
			at[journey.n] > converted_at)
			continue;
		if (journey.n > 0 && at[journey.n] < at[journey.n - 1])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the rows of the window are not in the order of \"touched_at\""),
					 errhint("Write OVER (PARTITION BY ... ORDER BY touched_at, id).")));
		rows[journey.n++] = row;
	}
	if (journey.n > 0)
	{
		splitter_init(&splitter, 0, cxt);
		splitter_weigh(&splitter, &model, &journey);
		splitter_split(&splitter, CREDIT_ONE);
		for (int64 i = 0; i < journey.n; i++)
			partition->credits[rows[i]] = (double) splitter.parts[i] / (double) CREDIT_ONE;
	}
	partition->ready = true;
}

Datum
funnel_credit(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	PartitionCredit *partition;
	double		credit;

	if (!WindowObjectIsValid(winobj))
		ereport(ERROR,
				(errcode(ERRCODE_WINDOWING_ERROR),
				 errmsg("funnel.credit() is a window function"),
				 errhint("Write OVER (PARTITION BY ... ORDER BY touched_at, id).")));
	partition = WinGetPartitionLocalMemory(winobj, sizeof(PartitionCredit));
	if (!partition->ready)
		fill_partition(fcinfo, winobj, partition);
	credit = partition->credits[WinGetCurrentPosition(winobj)];
	if (isnan(credit))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(credit);
}
