/*
 * support.h
 *	  Support of the planner; most of it is called through the catalogs.
 */
#ifndef FUNNEL_SUPPORT_H
#define FUNNEL_SUPPORT_H

/* Has the planner charge a function in FROM for each row that it is called for. */
extern void support_install_hook(void);

#endif							/* FUNNEL_SUPPORT_H */
