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

#endif /* FUNNEL_COMPAT_H */
