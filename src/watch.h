/*
 * watch.h
 *	  What a trigger of ours watches: its arguments, and the columns of its
 *	  table that they name, worked out once a statement.
 *
 * Arguments of funnel.guard() and funnel.track(): the pipeline, the stage
 * column and the key columns, in this order or as option=value; then options.
 */
#ifndef FUNNEL_WATCH_H
#define FUNNEL_WATCH_H

#include "postgres.h"

#include "commands/trigger.h"
#include "executor/tuptable.h"

#include "pipeline.h"
#include "row_writer.h"

typedef enum WatchMode
{
	MODE_ENFORCE,
	MODE_WARN,
	MODE_AUDIT
} WatchMode;

/* A column of the guarded table, and how to read it as text. */
typedef struct WatchColumn
{
	const char *name;
	AttrNumber	attnum;			/* 0: there is none of that name (optional columns) */
	Oid			type;			/* base type */
	Oid			declared;		/* may be a domain */
	int32		typmod;
	FmgrInfo	output;
} WatchColumn;

/* The arguments as they stand in the trigger. */
typedef struct WatchArguments
{
	const char *pipeline;
	const char *stage;
	List	   *keys;			/* of char * */
	WatchMode	mode;
	const char *history;
	const char *at;
	const char *actor;
	const char *reason;
	const char *amount;
	List	   *keep;			/* of char * */
	const char *notify;
} WatchArguments;

/* Errors: invalid_parameter_value, naming the trigger. */
extern void watch_parse(const Trigger *trigger, WatchArguments *args);

/*
 * Looks a column up. Errors: undefined_column, with a hint to attach again;
 * feature_not_supported if its values are not stored.
 */
extern void watch_column(Relation rel, const Trigger *trigger, const char *name,
						 WatchColumn *column);

/* The same for one that watch_text() and what builds on it will read. */
extern void watch_text_column(Relation rel, const Trigger *trigger,
							  const char *name, WatchColumn *column);

/* The text of a value, NULL for a null; in the current context or the slot. */
extern const char *watch_text(const WatchColumn *column, TupleTableSlot *slot,
							  int *len);

/* NULL, or a string of nothing but white space? */
extern bool watch_is_blank(const WatchColumn *column, TupleTableSlot *slot);

/* Is the column the same in both? */
extern bool watch_is_same(const WatchColumn *column, TupleTableSlot *a,
						  TupleTableSlot *b);

/*
 * The lead's key as text: that of the one column, or as a row's text form.
 * NULL if a column of it is null.
 */
extern char *watch_key(const WatchColumn *keys, int nkeys, TupleTableSlot *slot);

#endif							/* FUNNEL_WATCH_H */
