/*
 * compat.h
 *	  What differs between the PostgreSQL versions that funnel builds with: the
 *	  only place with conditions on PG_VERSION_NUM. A macro here behaves as the
 *	  newest version does, as far as the older one can.
 */
#ifndef FUNNEL_COMPAT_H
#define FUNNEL_COMPAT_H

/*
 * 16 (d9f7f5d32) lets an input function leave its error in the caller's
 * context and return; before, every error is thrown.
 */
#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#define funnel_ereturn(context, dummy_value, ...) ereturn(context, dummy_value, __VA_ARGS__)
#else
#define funnel_ereturn(context, dummy_value, ...) \
	do                                            \
	{                                             \
		(void) (context);                         \
		(void) (dummy_value);                     \
		ereport(ERROR, __VA_ARGS__);              \
	} while (0)
#endif

/* 16 (d952373a987) took the macros of varlena values out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * Exact sums and two-word keys need 128-bit integers, which every 64-bit gcc
 * and clang has.
 */
#ifndef HAVE_INT128
#error "funnel needs a compiler with 128-bit integers"
#endif

/* 15 (9e98583898c) added this beginning of a function that materializes. */
#if PG_VERSION_NUM < 150000
#include "funcapi.h"
#include "miscadmin.h"

#define MAT_SRF_USE_EXPECTED_DESC 0x01

static inline void
InitMaterializedSRF(FunctionCallInfo fcinfo, bits32 flags)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		!(rsinfo->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	if (flags & MAT_SRF_USE_EXPECTED_DESC)
		rsinfo->setDesc = CreateTupleDescCopy(rsinfo->expectedDesc);
	else if (get_call_result_type(fcinfo, NULL, &rsinfo->setDesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	MemoryContextSwitchTo(old);
}
#endif

/* 16 (407b50f2d) gave settings memory of their own; before it was malloc()'s. */
#if PG_VERSION_NUM >= 160000
#define funnel_guc_malloc(size) guc_malloc(LOG, size)
#else
#define funnel_guc_malloc(size) malloc(size)
#endif

/* 15 (75d22069e00) reserves a prefix of settings; before, unknown ones are only warned of. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 17 (ab355e3a88) moved a backend's local transaction id. */
#if PG_VERSION_NUM >= 170000
#define MY_LXID (MyProc->vxid.lxid)
#else
#define MY_LXID (MyProc->lxid)
#endif

/* 17 (519fc1bd9e9) has infinite intervals; before, every interval is finite. */
#if PG_VERSION_NUM >= 170000
#define funnel_interval_is_infinite(interval) INTERVAL_IS_NOEND(interval)
#else
#define funnel_interval_is_infinite(interval) ((void) (interval), false)
#endif

/* 18 (0fbceae841c) lets index scans count for EXPLAIN. */
#if PG_VERSION_NUM >= 180000
#define funnel_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, 0)
#else
#define funnel_index_beginscan(heap, index, snapshot, nkeys) \
	index_beginscan(heap, index, snapshot, nkeys, 0)
#endif

/* 18 (978cae94a) asks whether a deferrable primary key is good enough. */
#if PG_VERSION_NUM >= 180000
#define funnel_primary_key_index(rel) RelationGetPrimaryKeyIndex(rel, false)
#else
#define funnel_primary_key_index(rel) RelationGetPrimaryKeyIndex(rel)
#endif

/* 18 (83ea6c540) has generated columns that are not stored. */
#ifdef ATTRIBUTE_GENERATED_VIRTUAL
#define funnel_is_virtual(att) ((att)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
#else
#define funnel_is_virtual(att) false
#endif

#endif /* FUNNEL_COMPAT_H */
