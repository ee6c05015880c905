/*
 * credit_sql.h
 *	  Reading the models of attribution.
 */
#ifndef FUNNEL_CREDIT_SQL_H
#define FUNNEL_CREDIT_SQL_H

#include "credit.h"

/*
 * A model by name, or as funnel.attribution_model() writes it. Errors: none of
 * them, NULL, weights that make no sense.
 */
extern void arg_model(FunctionCallInfo fcinfo, int n, Model *model);

/* Of MODEL_TIME_DECAY, microseconds. NULL: no decay. Errors: negative. */
extern uint64 arg_half_life(FunctionCallInfo fcinfo, int n);

/* Errors: a position model that needs another number of milestones. */
extern void check_milestones(const Model *model, int given, const char *hint);

#endif							/* FUNNEL_CREDIT_SQL_H */
