/*
 * funnel.c
 *		The module itself: what happens when the server loads it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"

#include "compat.h"
#include "override.h"
#include "support.h"
#include "trace.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	override_define_setting();
	trace_define_setting();
	support_install_hook();
	MarkGUCPrefixReserved("funnel");
}
