/*
 * owner.h
 *	  Acting as the owner of a table: what runs meanwhile has the owner's
 *	  rights, cannot take others, and finds nothing through the search_path of
 *	  whoever caused it.
 */
#ifndef FUNNEL_OWNER_H
#define FUNNEL_OWNER_H

#include "postgres.h"

typedef struct OwnerScope
{
	Oid			user;
	int			context;
	int			nestlevel;
} OwnerScope;

extern Oid	relation_owner(Oid relid);

/*
 * Names are found in pg_catalog and then in the schema, if one is given; in
 * temporary tables of the session last, which cannot be left out: triggers and
 * defaults that run as somebody else should qualify what they name.
 *
 * With nothing_left the server refuses what would outlast the scope and run
 * with other rights: deferred triggers, cursors WITH HOLD, prepared statements,
 * temporary tables.
 *
 * An error in between puts everything back, as it ends the
 * (sub)transaction.
 */
extern void owner_scope_enter(OwnerScope *scope, Oid owner, Oid schema, bool nothing_left);
extern void owner_scope_leave(const OwnerScope *scope);

#endif							/* FUNNEL_OWNER_H */
