/*
 * funnel.c
 *		The module itself: what happens when the server loads it.
 */
#include "postgres.h"

#include "fmgr.h"

#include "override.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	override_define_setting();
}
