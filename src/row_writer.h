/*
 * row_writer.h
 *	  Appending rows to one table of a known shape, many times in a statement:
 *	  the history of a guarded table, the record of violations.
 *
 * Ordinary tables with ordinary indexes are written directly. Whatever has more
 * to it (triggers, constraints, partitions, columns that the writer does not
 * know ...) is written by a prepared INSERT, run as the table's owner.
 */
#ifndef FUNNEL_ROW_WRITER_H
#define FUNNEL_ROW_WRITER_H

#include "postgres.h"

#include "utils/relcache.h"

typedef struct RowWriter RowWriter;

/*
 * A writer of rows of these columns, in this order; the other columns get their
 * defaults. The table must exist and is locked until the end of the
 * transaction. The writer lives until it is freed, or as long as parent. Errors:
 * undefined_column.
 */
extern RowWriter *row_writer_create(Oid table, const char *const *columns,
									int ncolumns, MemoryContext parent);
extern void row_writer_free(RowWriter *writer);

/*
 * Around what is done for one row: opens and closes the table and its indexes.
 * An error in between closes them too.
 */
extern void row_writer_open(RowWriter *writer);
extern void row_writer_close(RowWriter *writer);

extern void row_writer_insert(RowWriter *writer, const Datum *values,
							  const bool *nulls);

extern Oid	row_writer_column_type(const RowWriter *writer, int column);
extern int32 row_writer_column_typmod(const RowWriter *writer, int column);

/*
 * May the table have changed since the writer was made? Then it must not be
 * used any more; checked before each row, for triggers may alter tables in the
 * middle of a statement.
 */
extern bool row_writer_is_stale(const RowWriter *writer);

/*
 * The greatest value of column "last", of a type passed by value, among the
 * rows that have this value in column "key", committed or of this transaction;
 * false if there is none. Unless it is to be exact, only the index is asked,
 * and rows of transactions that failed may count too. The table's primary key
 * must be (key, last); errors: undefined_object.
 */
extern bool row_writer_last(RowWriter *writer, int key, int last, Datum value,
							bool exact, Datum *result);

#endif							/* FUNNEL_ROW_WRITER_H */
