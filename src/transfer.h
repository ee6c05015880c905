/*
 * transfer.h
 *	  Rows on their way from one partition to another: the server deletes such a
 *	  row there and inserts it here, and tells triggers of both by themselves.
 *	  What the row said when it left is remembered until it arrives.
 *
 * Savepoints are followed: what a rolled back subtransaction remembered is
 * forgotten, and what arrived in it is on its way again.
 */
#ifndef FUNNEL_TRANSFER_H
#define FUNNEL_TRANSFER_H

#include "postgres.h"

#include "lib/ilist.h"

#include "watch.h"

/* What the two halves of a move have in common, whichever row it is. */
typedef struct TransferTag
{
	Oid			root;			/* the partitioned table */
	CommandId	command;		/* that moves it */
	NameData	trigger;
} TransferTag;

typedef struct Transfer
{
	char	   *key;			/* text; NULL if a column of it is */
	int			nkeys;			/* the columns of the key */
	Oid		   *types;			/* as declared when it left */
	Datum	   *values;
	bool	   *nulls;
	char	   *stage;			/* NULL: none */
	int			stage_len;

	/* for whoever remembers it */
	Oid			partition;		/* that it left */
	Oid			role;			/* who moves it */
	bool		judged;			/* by a guard; or is it only tracked? */
	bool		strict;			/* is the transaction refused if it does not arrive? */

	/* private */
	TransferTag tag;
	struct TransferPlace *with_key; /* where it is found */
	struct TransferPlace *with_any_key;
	dlist_node	key_node;
	dlist_node	any_node;
	SubTransactionId departed;	/* in which it left */
	SubTransactionId arrived;	/* ... and arrived, if it did */
	dlist_node	departed_node;
	dlist_node	arrived_node;
} Transfer;

/*
 * A row leaves: its key, as watch_key() has it and in the slot, and its stage
 * are copied.
 */
extern Transfer *transfer_depart(const TransferTag *tag, const char *key,
								 const WatchColumn *keys, int nkeys, TupleTableSlot *slot,
								 const char *stage, int stage_len);

/* Is any row on its way? Quick. */
extern bool transfer_is_pending(void);

/*
 * A row that may be on its way arrives: the one that left under this key, or
 * else, as the key may have changed too, the one that left last; NULL if there
 * is none. Then transfer_done() once it is of no more use.
 */
extern Transfer *transfer_arrive(const TransferTag *tag, const char *key);
extern void transfer_done(Transfer *transfer);

/*
 * The row that left first of those that did not arrive; NULL if all did. It
 * counts as arrived.
 */
extern Transfer *transfer_next_lost(void);

/* Called at the end of a transaction in which rows left, before it commits or is prepared. */
extern void transfer_at_commit(void (*function) (void));

#endif							/* FUNNEL_TRANSFER_H */
