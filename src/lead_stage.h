/*
 * lead_stage.h
 *	  The B2B lead waterfall as a one-byte value.
 *
 * The numbers are what tables, indexes and binary dumps hold: they never
 * change. Their order is the order of the type.
 */
#ifndef FUNNEL_LEAD_STAGE_H
#define FUNNEL_LEAD_STAGE_H

#include "fmgr.h"

typedef enum LeadStage
{
	LEAD_STAGE_INQUIRY = 1,
	LEAD_STAGE_MQL = 2,
	LEAD_STAGE_SAL = 3,
	LEAD_STAGE_SQL = 4,
	LEAD_STAGE_OPPORTUNITY = 5,
	LEAD_STAGE_WON = 6,
	LEAD_STAGE_LOST = 7,
	LEAD_STAGE_DISQUALIFIED = 8,
	LEAD_STAGE_RECYCLED = 9
} LeadStage;

#define LEAD_STAGE_FIRST LEAD_STAGE_INQUIRY
#define LEAD_STAGE_LAST LEAD_STAGE_RECYCLED

#define DatumGetLeadStage(datum) DatumGetUInt8(datum)
#define LeadStageGetDatum(stage) UInt8GetDatum(stage)
#define PG_GETARG_LEAD_STAGE(n) DatumGetLeadStage(PG_GETARG_DATUM(n))
#define PG_RETURN_LEAD_STAGE(stage) return LeadStageGetDatum(stage)

/* The input function, by whose address C code knows the type: it has no fixed OID. */
extern PGDLLEXPORT Datum lead_stage_in(PG_FUNCTION_ARGS);

/* The canonical label, a constant; an error if the value is no stage. */
extern const char *lead_stage_label(uint8 stage);

#endif /* FUNNEL_LEAD_STAGE_H */
