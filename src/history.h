/*
 * history.h
 *	  What is put on record: changes of stage, in the history beside a guarded
 *	  table, and violations, in funnel.violation_log.
 */
#ifndef FUNNEL_HISTORY_H
#define FUNNEL_HISTORY_H

#include "postgres.h"

#include "transfer.h"
#include "watch.h"

typedef struct History History;

/* A change of one lead; a text that is NULL is no stage. */
typedef struct Change
{
	const char *lead;			/* text of its key, for violations; otherwise the slot tells */
	const char *from;
	int			from_len;
	const char *to;
	int			to_len;
	TupleTableSlot *slot;		/* the row as it is now, or was when deleted */
	bool		deleted;
	TupleTableSlot *key_slot;	/* the row under the key whose history it is, if not slot; ... */
	const Transfer *key_transfer;	/* ... or where that key is, if the row was in another partition */
	const char *override;		/* why it was let pass, or NULL */
} Change;

/* The table, or the one it is a partition of, that attach() was called for. */
extern Oid	guarded_root(Relation rel);

/*
 * The history that the arguments name, beside root. Lives until it is closed, or as long as
 * parent. Errors:
 * undefined_table, undefined_column, datatype_mismatch, insufficient_privilege
 * (it belongs to somebody else than the guarded table does).
 */
extern History *history_open(Relation rel, Oid root, const Trigger *trigger,
							 const WatchArguments *args, const WatchColumn *keys,
							 MemoryContext parent);

/*
 * May the history have been altered since it was opened? Then it is to be
 * closed and opened again. Asked before each row.
 */
extern bool history_is_stale(const History *history);
extern void history_close(History *history);

extern void history_append(History *history, Relation rel, const Change *change,
						   const Pipeline *pipeline);

/* Records a violation, whoever the current role is. */
extern void violation_append(RowWriter **writer, Oid root, const WatchArguments *args,
							 const Pipeline *pipeline, const Change *change,
							 const char *rule, const char *column,
							 MemoryContext cxt);

#endif							/* FUNNEL_HISTORY_H */
