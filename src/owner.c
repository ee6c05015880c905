/*
 * owner.c
 *	  Acting as the owner of a table.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "compat.h"
#include "owner.h"

PG_FUNCTION_INFO_V1(run_as_owner);

Oid
relation_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

void
owner_scope_enter(OwnerScope *scope, Oid owner, Oid schema, bool nothing_left)
{
	char	   *path = OidIsValid(schema) ?
		psprintf("pg_catalog, %s, pg_temp", quote_identifier(get_namespace_name(schema))) :
		pstrdup("pg_catalog, pg_temp");

	GetUserIdAndSecContext(&scope->user, &scope->context);
	SetUserIdAndSecContext(owner, scope->context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS |
						   (nothing_left ? SECURITY_RESTRICTED_OPERATION : 0));
	scope->nestlevel = NewGUCNestLevel();
	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

void
owner_scope_leave(const OwnerScope *scope)
{
	AtEOXact_GUC(false, scope->nestlevel);
	SetUserIdAndSecContext(scope->user, scope->context);
}

/*
 * funnel.run_as_owner(regclass, text): runs a command as the owner of a table,
 * for whoever has the owner's rights anyway, and returns what it returned. So a
 * superuser who works on somebody's table does not run that one's code, in
 * casts, triggers or defaults, as a superuser; nor later, for such code cannot
 * leave anything behind that would run in the session afterwards.
 */
Datum
run_as_owner(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	char	   *command = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			owner = relation_owner(relid);
	OwnerScope	scope;
	char	   *value = NULL;
	text	   *result = NULL;
	MemoryContext outer = CurrentMemoryContext;

	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s",
						quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												   get_rel_name(relid))),
				 errhint("Its owner is \"%s\".", GetUserNameFromId(owner, false))));
	if (owner != GetUserId() && get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of temporary table %s", quote_identifier(get_rel_name(relid))),
				 errdetail("Nobody makes temporary tables in the name of another role."),
				 errhint("SET ROLE %s.", quote_identifier(GetUserNameFromId(owner, false)))));
	owner_scope_enter(&scope, owner, InvalidOid, owner != GetUserId());
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute(command, false, 1) < 0)
		elog(ERROR, "\"%s\" failed", command);
	if (SPI_processed > 0 && SPI_tuptable != NULL)
		value = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (value != NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(outer);

		result = cstring_to_text(value);
		MemoryContextSwitchTo(old);
	}
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	owner_scope_leave(&scope);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(result);
}
