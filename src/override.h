/*
 * override.h
 *	  The arbiter's ruling: funnel.override('reason') lets changes that a
 *	  pipeline forbids pass until the end of the transaction.
 */
#ifndef FUNNEL_OVERRIDE_H
#define FUNNEL_OVERRIDE_H

#include "postgres.h"

#define ARBITER_ROLE "funnel_arbiter"

/* Once, when the module is loaded. */
extern void override_define_setting(void);

/*
 * Why the current role may do now what the pipeline forbids; NULL if it may
 * not: it did not rule in this transaction, or is no arbiter any more.
 */
extern const char *override_reason(void);

#endif							/* FUNNEL_OVERRIDE_H */
