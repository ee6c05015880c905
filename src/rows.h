/*
 * rows.h
 *	  What SQL functions have in common that return rows.
 */
#ifndef FUNNEL_ROWS_H
#define FUNNEL_ROWS_H

#include "cohort.h"
#include "funcapi.h"
#include "interrupts.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

/* Sets a value that is not NULL, in arrays values and nulls. */
#define SET(column, datum) (values[column] = (datum), nulls[column] = false)

/*
 * Begins a result. Its columns are those that the caller expects: to find them
 * out would leave a kilobyte behind with every call, until the query ends.
 */
static inline void
begin_rows(FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
}

/* Adds a row to the result that begin_rows() began; it is copied. */
static inline void
put_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Memory of one row, or of one lead's rows, emptied after each. */
static inline MemoryContext
row_context(void)
{
	return AllocSetContextCreate(CurrentMemoryContext, "funnel rows", ALLOCSET_DEFAULT_SIZES);
}

/* The labels of a stream as Datums by code, made once for all rows. */
static inline Datum *
label_datums(const LeadStream *stream)
{
	Datum	   *datums = palloc_extended(((Size) stream->nlabels + 1) * sizeof(Datum),
										 MCXT_ALLOC_HUGE);

	FOR_INTERRUPTIBLE(i, stream->nlabels)
		datums[i] = label_datum(&stream->labels[i]);
	return datums;
}

#endif							/* FUNNEL_ROWS_H */
