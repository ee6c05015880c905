/*
 * override.c
 *	  The setting funnel.override and the function that alone can give it a
 *	  value.
 *
 * The value is a setting because settings go back with savepoints and end with
 * transactions. But anybody can set a setting, the more so before this module
 * is loaded, so that the value counts only with a mark that funnel.override()
 * leaves beside it: the server keeps such an "extra" with each value, and
 * brings it back with it. The mark names the transaction it was made in, and
 * the role that ruled: another arbiter in the same transaction did not.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "compat.h"
#include "override.h"

PG_FUNCTION_INFO_V1(funnel_override);

typedef struct Ruling
{
	LocalTransactionId transaction;
	Oid			role;			/* who ruled */
} Ruling;

static char *override_value = NULL;
static const Ruling *ruling = NULL; /* that of override_value */
static bool ruling_now = false; /* is override() setting the value? */

static bool
check_override(char **newval, void **extra, GucSource source)
{
	Ruling	   *mark;

	if (ruling_now)
	{
		mark = funnel_guc_malloc(sizeof(Ruling));
		if (mark == NULL)
			return false;
		mark->transaction = MY_LXID;
		mark->role = GetUserId();
		*extra = mark;
		return true;
	}
	/* a parallel worker is given the value too; it changes no rows */
	if (**newval == '\0' || InitializingParallelWorker)
		return true;
	GUC_check_errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM);
	GUC_check_errmsg("parameter \"%s\" cannot be set directly", "funnel.override");
	GUC_check_errhint("A member of role \"%s\" calls funnel.override('reason') in the transaction that needs it.",
					  ARBITER_ROLE);
	return false;
}

static void
assign_override(const char *newval, void *extra)
{
	ruling = extra;
}

void
override_define_setting(void)
{
	DefineCustomStringVariable("funnel.override",
							   "Why changes that a pipeline forbids pass in this transaction.",
							   "Set by funnel.override(), ends with the transaction.",
							   &override_value,
							   "",
							   PGC_USERSET,
							   GUC_NOT_IN_SAMPLE | GUC_DISALLOW_IN_FILE,
							   check_override, assign_override, NULL);
}

static bool
is_arbiter(void)
{
	Oid			arbiter = get_role_oid(ARBITER_ROLE, true);

	return OidIsValid(arbiter) && is_member_of_role(GetUserId(), arbiter);
}

const char *
override_reason(void)
{
	if (ruling == NULL || ruling->transaction != MY_LXID || ruling->role != GetUserId() ||
		override_value == NULL || *override_value == '\0')
		return NULL;
	return is_arbiter() ? override_value : NULL;
}

Datum
funnel_override(PG_FUNCTION_ARGS)
{
	char	   *reason = PG_ARGISNULL(0) ? pstrdup("") : text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (strspn(reason, " \t\r\n") == strlen(reason))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("an override needs a reason"),
				 errhint("The reason is kept in the history: say why the pipeline's rule does not hold here.")));
	if (!OidIsValid(get_role_oid(ARBITER_ROLE, true)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("nobody may override a pipeline"),
				 errdetail("Only members of role \"%s\" may, and there is no such role.", ARBITER_ROLE),
				 errhint("An administrator can create it: CREATE ROLE %s NOLOGIN.", ARBITER_ROLE)));
	if (!is_arbiter())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\" may not override a pipeline",
						GetUserNameFromId(GetUserId(), false)),
				 errdetail("Only members of role \"%s\" may.", ARBITER_ROLE),
				 errhint("Ask a member to rule, or an administrator for GRANT %s TO %s.",
						 ARBITER_ROLE, quote_identifier(GetUserNameFromId(GetUserId(), false)))));
	ruling_now = true;
	PG_TRY();
	{
		(void) set_config_option("funnel.override", reason, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	}
	PG_FINALLY();
	{
		ruling_now = false;
	}
	PG_END_TRY();
	PG_RETURN_VOID();
}
