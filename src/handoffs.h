/*
 * handoffs.h
 *	  What becomes of leads that wait in a stage for another team, what leads
 *	  have behind them that are now in a stage asked for, and how far those had
 *	  come that are lost. Counting only; knows nothing of SQL, nor of pipelines:
 *	  the caller says what each stage means.
 */
#ifndef FUNNEL_HANDOFFS_H
#define FUNNEL_HANDOFFS_H

#include "stages.h"

/* ------------------------------------------------------------------------
 * Hand-offs
 * ------------------------------------------------------------------------
 */

/*
 * What a stage means for a hand-off. One that neither accepts nor rejects is
 * no answer: a lead that leaves for it was not offered.
 */
#define ROLE_WAITS		0x01	/* here leads wait for the other team */
#define ROLE_ACCEPTS	0x02	/* going there from where they wait is acceptance, ... */
#define ROLE_REJECTS	0x04	/* ... or rejection */
#define ROLE_RETURNS	0x08	/* whoever comes here later was handed back, ... */
#define ROLE_FINAL		0x10	/* ... but not by way of here */

typedef struct Handoff
{
	const uint8 *roles;			/* by stage */
	bool		has_sla;
	uint64		allowed;		/* if it has */

	int64		offered;		/* the sum of the next four */
	int64		accepted;
	int64		rejected;
	int64		pending;
	int64		no_response;	/* longer than allowed, and still there */
	int64		handed_back;	/* of the accepted */
	int64		met;			/* answered within what is allowed */
	int64		breached;		/* answered later, or no response */
	Samples		latency;		/* of the accepted */
} Handoff;

typedef struct Handoffs
{
	StayScope	scope;			/* without a period */
	Handoff    *handoffs;		/* roles, has_sla and allowed are the caller's */
	int			n;

	/* private */
	Stays		stays;
} Handoffs;

/* scope, handoffs and n have been set. */
extern void handoffs_begin(Handoffs *eval, MemoryContext cxt);
extern void handoffs_add(Handoffs *eval, const Lead *lead);

/* ------------------------------------------------------------------------
 * Leads that are in a stage asked for
 * ------------------------------------------------------------------------
 */

/* Which stages are asked for, and which touches count. */
typedef struct OpenScope
{
	uint32		nstages;
	int64		as_of;
	const int32 *groups;		/* by label: stages of one group belong together; 0
								 * is not asked for */
	const bool *channels;		/* by label: does it count? NULL: all do */
} OpenScope;

/* A lead that is in one of the stages. */
typedef struct OpenLead
{
	Stay		stay;			/* the open one */
	int64		since;			/* first event of the stays, up to that one, in
								 * stages of its group */
	int64		before;			/* event of the stage before those; -1: none */
	int64		times;			/* stays in stages asked for, also earlier ones */
	int64		touches_before; /* touches before since, ... */
	int64		touches;		/* ... and from there on */
	int64		last_touch;		/* event of the last of these; -1: none */
	bool		has_amount;
	Amount		amount;			/* the last one known of the lead */
} OpenLead;

/* false if the lead is in none of the stages. */
extern bool open_lead_read(const OpenScope *scope, const Lead *lead, OpenLead *open);

/* ------------------------------------------------------------------------
 * Leads that are lost
 * ------------------------------------------------------------------------
 */

#define PLACE_LOST	(-1)

typedef struct LostPlace
{
	int64		leads;
	AmountSum	amount;
} LostPlace;

typedef struct LostLeads
{
	uint32		nstages;
	int64		as_of;
	const int32 *places;		/* by label: its place on the path, from 1;
								 * PLACE_LOST; 0 is neither */
	LostPlace  *lost;			/* by the furthest place of a lead; [0]: none */
} LostLeads;

extern void lost_leads_add(LostLeads *eval, const Lead *lead);

#endif							/* FUNNEL_HANDOFFS_H */
