/*
 * watch.c
 *	  Reading the arguments of a trigger and the columns they name.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "parser/parse_relation.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "compat.h"
#include "key.h"
#include "watch.h"

static void
bad_argument(const Trigger *trigger, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("arguments of trigger \"%s\" are wrong", trigger->tgname),
			 errdetail_internal("%s", detail),
			 errhint("They are the pipeline, the stage column, the key column, and then option=value; funnel.attach() writes them.")));
}

static WatchMode
parse_mode(const Trigger *trigger, const char *value)
{
	if (strcmp(value, "enforce") == 0)
		return MODE_ENFORCE;
	if (strcmp(value, "warn") == 0)
		return MODE_WARN;
	if (strcmp(value, "audit") == 0)
		return MODE_AUDIT;
	bad_argument(trigger, psprintf("Mode \"%s\" is none of enforce, warn and audit.", value));
	pg_unreachable();
}

/* If the argument is "name=...", what follows; otherwise NULL. */
static const char *
option_value(const char *argument, const char *name)
{
	size_t		len = strlen(name);

	return strncmp(argument, name, len) == 0 && argument[len] == '=' ?
		argument + len + 1 : NULL;
}

void
watch_parse(const Trigger *trigger, WatchArguments *args)
{
	int			positional = 0;

	memset(args, 0, sizeof(WatchArguments));
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		const char *arg = trigger->tgargs[i];
		const char *value;

		if ((value = option_value(arg, "pipeline")) != NULL)
			args->pipeline = value;
		else if ((value = option_value(arg, "stage")) != NULL)
			args->stage = value;
		else if ((value = option_value(arg, "key")) != NULL)
			args->keys = lappend(args->keys, unconstify(char *, value));
		else if ((value = option_value(arg, "mode")) != NULL)
			args->mode = parse_mode(trigger, value);
		else if ((value = option_value(arg, "history")) != NULL)
			args->history = value;
		else if ((value = option_value(arg, "at")) != NULL)
			args->at = value;
		else if ((value = option_value(arg, "actor")) != NULL)
			args->actor = value;
		else if ((value = option_value(arg, "reason")) != NULL)
			args->reason = value;
		else if ((value = option_value(arg, "amount")) != NULL)
			args->amount = value;
		else if ((value = option_value(arg, "keep")) != NULL)
			args->keep = lappend(args->keep, unconstify(char *, value));
		else if ((value = option_value(arg, "notify")) != NULL)
			args->notify = value;
		else if (strchr(arg, '=') != NULL)
			bad_argument(trigger, psprintf("There is no option \"%s\".", arg));
		else if (positional == 0 && args->pipeline == NULL)
		{
			args->pipeline = arg;
			positional = 1;
		}
		else if (positional <= 1 && args->stage == NULL)
		{
			args->stage = arg;
			positional = 2;
		}
		else
		{
			args->keys = lappend(args->keys, unconstify(char *, arg));
			positional = 3;
		}
	}
	if (args->pipeline == NULL)
		bad_argument(trigger, "They do not name a pipeline.");
	if (args->stage == NULL)
		args->stage = "stage";
	if (args->keys == NIL)
		args->keys = list_make1("id");
}

void
watch_column(Relation rel, const Trigger *trigger, const char *name,
			 WatchColumn *column)
{
	Form_pg_attribute att;

	memset(column, 0, sizeof(WatchColumn));
	column->name = name;
	column->attnum = attnameAttNum(rel, name, false);
	if (column->attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist",
						name, RelationGetRelationName(rel)),
				 errdetail("Trigger \"%s\" watches it.", trigger->tgname),
				 errhint("If it was renamed or dropped, call funnel.attach() again with the columns there are now."),
				 errtable(rel)));
	att = TupleDescAttr(RelationGetDescr(rel), column->attnum - 1);
	if (funnel_is_virtual(att))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("column \"%s\" of table \"%s\" is a virtual generated column",
						name, RelationGetRelationName(rel)),
				 errdetail("Trigger \"%s\" watches it, and triggers do not see its values.",
						   trigger->tgname),
				 errhint("Make it GENERATED ALWAYS AS (...) STORED."),
				 errtablecol(rel, att->attnum)));
	column->declared = att->atttypid;
	column->typmod = att->atttypmod;
	column->type = getBaseType(att->atttypid);
}

void
watch_text_column(Relation rel, const Trigger *trigger, const char *name,
				  WatchColumn *column)
{
	Oid			func;
	bool		varlena;

	watch_column(rel, trigger, name, column);
	switch (column->type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
			break;				/* datum_text() knows these */
		default:
			check_text_form(column->type);
			getTypeOutputInfo(column->type, &func, &varlena);
			fmgr_info(func, &column->output);
	}
}

const char *
watch_text(const WatchColumn *column, TupleTableSlot *slot, int *len)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, column->attnum, &isnull);
	uint32		n;
	const char *text;

	if (isnull)
	{
		*len = 0;
		return NULL;
	}
	text = datum_text(unconstify(FmgrInfo *, &column->output), column->type, value, &n);
	*len = (int) n;
	return text;
}

bool
watch_is_blank(const WatchColumn *column, TupleTableSlot *slot)
{
	int			len;
	const char *text = watch_text(column, slot, &len);
	char		category;
	bool		preferred;

	if (text == NULL)
		return true;
	get_type_category_preferred(column->type, &category, &preferred);
	if (category != TYPCATEGORY_STRING)
		return false;
	for (int i = 0; i < len; i++)
		if (strchr(" \t\r\n\f\v", text[i]) == NULL)
			return false;
	return true;
}

bool
watch_is_same(const WatchColumn *column, TupleTableSlot *a, TupleTableSlot *b)
{
	Form_pg_attribute att = TupleDescAttr(a->tts_tupleDescriptor, column->attnum - 1);
	bool		a_null,
				b_null;
	Datum		x = slot_getattr(a, column->attnum, &a_null);
	Datum		y = slot_getattr(b, column->attnum, &b_null);
	const char *x_text,
			   *y_text;
	int			x_len,
				y_len;

	if (a_null || b_null)
		return a_null && b_null;
	if (datum_image_eq(x, y, att->attbyval, att->attlen))
		return true;
	if (att->attbyval)
		return false;
	/* 1.0 and 1.00 */
	x_text = watch_text(column, a, &x_len);
	y_text = watch_text(column, b, &y_len);
	return x_len == y_len && memcmp(x_text, y_text, x_len) == 0;
}

/* A field of a row's text form, quoted as record_out() does. */
static void
append_field(StringInfo buf, const char *text, int len)
{
	bool		quote = len == 0;

	for (int i = 0; i < len && !quote; i++)
		quote = strchr("\"\\(), \t\n\r\f\v", text[i]) != NULL;
	if (quote)
		appendStringInfoChar(buf, '"');
	for (int i = 0; i < len; i++)
	{
		if (text[i] == '"' || text[i] == '\\')
			appendStringInfoChar(buf, text[i]);
		appendStringInfoChar(buf, text[i]);
	}
	if (quote)
		appendStringInfoChar(buf, '"');
}

char *
watch_key(const WatchColumn *keys, int nkeys, TupleTableSlot *slot)
{
	StringInfoData buf;
	const char *text;
	int			len;

	if (nkeys == 1)
	{
		text = watch_text(&keys[0], slot, &len);
		return text == NULL ? NULL : pnstrdup(text, len);
	}
	initStringInfo(&buf);
	for (int i = 0; i < nkeys; i++)
	{
		text = watch_text(&keys[i], slot, &len);
		if (text == NULL)
			return NULL;
		appendStringInfoChar(&buf, i == 0 ? '(' : ',');
		append_field(&buf, text, len);
	}
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/*
 * funnel.lead_key(VARIADIC "any"): the text form that watch_key() makes of a
 * key of several columns; NULL if one is.
 */
PG_FUNCTION_INFO_V1(lead_key);

Datum
lead_key(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < PG_NARGS(); i++)
	{
		Oid			type = getBaseType(get_fn_expr_argtype(fcinfo->flinfo, i));
		FmgrInfo	output;
		Oid			func;
		bool		varlena;
		const char *text;
		uint32		len;

		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
		getTypeOutputInfo(type, &func, &varlena);
		fmgr_info(func, &output);
		text = datum_text(&output, type, PG_GETARG_DATUM(i), &len);
		appendStringInfoChar(&buf, i == 0 ? '(' : ',');
		append_field(&buf, text, (int) len);
	}
	appendStringInfoChar(&buf, ')');
	PG_RETURN_TEXT_P(cstring_to_text_with_len(buf.data, buf.len));
}

/* funnel.text_form("any"): what the guard takes a stage, or a key, to be. */
PG_FUNCTION_INFO_V1(text_form);

Datum
text_form(PG_FUNCTION_ARGS)
{
	Oid			type = getBaseType(get_fn_expr_argtype(fcinfo->flinfo, 0));
	FmgrInfo	output;
	Oid			func;
	bool		varlena;
	const char *text;
	uint32		len;

	getTypeOutputInfo(type, &func, &varlena);
	fmgr_info(func, &output);
	text = datum_text(&output, type, PG_GETARG_DATUM(0), &len);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(text, len));
}

/* funnel.trigger_arguments(bytea): the arguments of a trigger as pg_trigger keeps them, each ended by a zero. */
PG_FUNCTION_INFO_V1(trigger_arguments);

Datum
trigger_arguments(PG_FUNCTION_ARGS)
{
	bytea	   *args = PG_GETARG_BYTEA_PP(0);
	const char *p = VARDATA_ANY(args);
	const char *end = p + VARSIZE_ANY_EXHDR(args);
	ArrayBuildState *result = initArrayResult(TEXTOID, CurrentMemoryContext, false);

	while (p < end)
	{
		const char *stop = memchr(p, '\0', end - p);
		int			len = (int) ((stop == NULL ? end : stop) - p);

		if (!pg_verifymbstr(p, len, true))
			break;
		result = accumArrayResult(result, PointerGetDatum(cstring_to_text_with_len(p, len)),
								  false, TEXTOID, CurrentMemoryContext);
		p += len + 1;
	}
	PG_RETURN_DATUM(makeArrayResult(result, CurrentMemoryContext));
}
