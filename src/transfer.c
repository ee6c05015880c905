/*
 * transfer.c
 *	  Rows on their way from one partition to another.
 *
 * As a rule a row arrives right after it left, and its Transfer lives no longer
 * than that. But with deferred triggers many may be on their way at once, and
 * in a savepoint that is rolled back a row arrives in vain: a Transfer that
 * arrived in a subtransaction within that it left in is kept, as not arriving
 * after all.
 *
 * Two lists follow the subtransactions. The ids of these grow, and only the
 * innermost one adds to a list, so that whatever a subtransaction and those
 * within it did stands at the head, under ids from its own on.
 *
 * The rows that wait are found in a hash table, by tag and key and by tag alone.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "compat.h"
#include "transfer.h"

/* Without padding: it is hashed as bytes. */
typedef struct PlaceKey
{
	Oid			root;
	CommandId	command;
	uint32		trigger;		/* hash */
	uint32		key;			/* hash; 0 if NULL or ... */
	uint32		any_key;		/* ... 1: whatever the key is */
} PlaceKey;

/* The rows that wait under one tag, and perhaps one key; lives while there are transfers of it. */
typedef struct TransferPlace
{
	PlaceKey	key;
	uint32		transfers;		/* also those that arrived */
	dlist_head	waiting;		/* last departed first */
} TransferPlace;

/* Those of the present transaction; all in TopTransactionContext. */
static MemoryContext transfers = NULL;
static HTAB *places;
static dlist_head departed;		/* all, last first */
static dlist_head arrived;		/* those that arrived, last first */
static uint64 pending = 0;		/* those that did not */

static void (*before_commit) (void) = NULL;

static void
transfers_begin(void)
{
	HASHCTL		ctl = {0};

	transfers = AllocSetContextCreate(TopTransactionContext, "funnel transfers",
									  ALLOCSET_SMALL_SIZES);
	ctl.keysize = sizeof(PlaceKey);
	ctl.entrysize = sizeof(TransferPlace);
	ctl.hcxt = transfers;
	places = hash_create("funnel transfers", 32, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	dlist_init(&departed);
	dlist_init(&arrived);
	pending = 0;
}

static PlaceKey
place_key(const TransferTag *tag, const char *key, bool any_key)
{
	PlaceKey	result = {tag->root, tag->command, 0, 0, any_key};

	result.trigger = hash_bytes((const unsigned char *) NameStr(tag->trigger),
								(int) strlen(NameStr(tag->trigger)));
	if (key != NULL && !any_key)
		result.key = hash_bytes((const unsigned char *) key, (int) strlen(key));
	return result;
}

static TransferPlace *
enter_place(const TransferTag *tag, const char *key, bool any_key)
{
	PlaceKey	name = place_key(tag, key, any_key);
	bool		found;
	TransferPlace *place = hash_search(places, &name, HASH_ENTER, &found);

	if (!found)
	{
		place->transfers = 0;
		dlist_init(&place->waiting);
	}
	place->transfers++;
	return place;
}

static void
leave_place(TransferPlace *place)
{
	if (--place->transfers == 0)
		(void) hash_search(places, &place->key, HASH_REMOVE, NULL);
}

static void
start_waiting(Transfer *transfer)
{
	transfer->arrived = InvalidSubTransactionId;
	dlist_push_head(&transfer->with_key->waiting, &transfer->key_node);
	dlist_push_head(&transfer->with_any_key->waiting, &transfer->any_node);
	pending++;
}

static void
stop_waiting(Transfer *transfer)
{
	dlist_delete(&transfer->key_node);
	dlist_delete(&transfer->any_node);
	pending--;
}

static void
set_arrived(Transfer *transfer)
{
	stop_waiting(transfer);
	transfer->arrived = GetCurrentSubTransactionId();
	dlist_push_head(&arrived, &transfer->arrived_node);
}

/* Forgets one that neither waits nor has arrived. */
static void
free_transfer(Transfer *transfer)
{
	dlist_delete(&transfer->departed_node);
	leave_place(transfer->with_key);
	leave_place(transfer->with_any_key);
	pfree(transfer);
}

static void
transfers_at_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (transfers != NULL)
				before_commit();
			break;
		default:
			transfers = NULL;	/* the memory goes with the transaction */
			pending = 0;
	}
}

/* Allocates nothing. */
static void
transfers_at_subabort(SubXactEvent event, SubTransactionId subid,
					  SubTransactionId parent, void *arg)
{
	Transfer   *transfer;

	if (event != SUBXACT_EVENT_ABORT_SUB || transfers == NULL)
		return;
	while (!dlist_is_empty(&arrived))
	{
		transfer = dlist_head_element(Transfer, arrived_node, &arrived);
		if (transfer->arrived < subid)
			break;
		dlist_delete(&transfer->arrived_node);
		start_waiting(transfer);
	}
	while (!dlist_is_empty(&departed))
	{
		transfer = dlist_head_element(Transfer, departed_node, &departed);
		if (transfer->departed < subid)
			break;
		/* it arrived after it departed, so that it waits again */
		stop_waiting(transfer);
		free_transfer(transfer);
	}
}

void
transfer_at_commit(void (*function) (void))
{
	if (before_commit == NULL)
	{
		RegisterXactCallback(transfers_at_end, NULL);
		RegisterSubXactCallback(transfers_at_subabort, NULL);
	}
	before_commit = function;
}

/* Copies to *to, and moves that on. */
static void *
append_bytes(char **to, const void *from, Size size)
{
	void	   *result = memcpy(*to, from, size);

	*to += MAXALIGN(size);
	return result;
}

Transfer *
transfer_depart(const TransferTag *tag, const char *key, const WatchColumn *keys,
				int nkeys, TupleTableSlot *slot, const char *stage, int stage_len)
{
	Datum	   *values = palloc(nkeys * sizeof(Datum));
	bool	   *nulls = palloc(nkeys * sizeof(bool));
	Oid		   *types = palloc(nkeys * sizeof(Oid));
	Size		size = MAXALIGN(sizeof(Transfer)) + MAXALIGN(nkeys * sizeof(Datum)) +
		MAXALIGN(nkeys * sizeof(bool)) + MAXALIGN(nkeys * sizeof(Oid));
	Transfer   *transfer;
	char	   *room;

	if (transfers == NULL)
		transfers_begin();
	if (key != NULL)
		size += MAXALIGN(strlen(key) + 1);
	if (stage != NULL)
		size += MAXALIGN(stage_len);
	for (int i = 0; i < nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(slot->tts_tupleDescriptor, keys[i].attnum - 1);

		types[i] = keys[i].declared;
		values[i] = slot_getattr(slot, keys[i].attnum, &nulls[i]);
		if (nulls[i] || att->attbyval)
			continue;
		/* the partition, and what it stored elsewhere, may be gone when it is needed */
		if (att->attlen == -1)
			values[i] = PointerGetDatum(PG_DETOAST_DATUM_PACKED(values[i]));
		size += MAXALIGN(datumGetSize(values[i], false, att->attlen));
	}

	/* one piece of memory */
	transfer = MemoryContextAllocZero(transfers, size);
	room = (char *) transfer + MAXALIGN(sizeof(Transfer));
	transfer->values = append_bytes(&room, values, nkeys * sizeof(Datum));
	transfer->nulls = append_bytes(&room, nulls, nkeys * sizeof(bool));
	transfer->types = append_bytes(&room, types, nkeys * sizeof(Oid));
	transfer->nkeys = nkeys;
	if (key != NULL)
		transfer->key = append_bytes(&room, key, strlen(key) + 1);
	if (stage != NULL)
		transfer->stage = append_bytes(&room, stage, stage_len);
	for (int i = 0; i < nkeys; i++)
	{
		Form_pg_attribute att = TupleDescAttr(slot->tts_tupleDescriptor, keys[i].attnum - 1);

		if (!nulls[i] && !att->attbyval)
			transfer->values[i] =
				PointerGetDatum(append_bytes(&room, DatumGetPointer(values[i]),
											 datumGetSize(values[i], false, att->attlen)));
	}
	Assert(room == (char *) transfer + size);
	transfer->stage_len = stage_len;
	transfer->tag = *tag;
	transfer->with_key = enter_place(tag, key, false);
	transfer->with_any_key = enter_place(tag, NULL, true);
	transfer->departed = GetCurrentSubTransactionId();
	dlist_push_head(&departed, &transfer->departed_node);
	start_waiting(transfer);
	return transfer;
}

bool
transfer_is_pending(void)
{
	return pending > 0;
}

static bool
same_tag(const TransferTag *a, const TransferTag *b)
{
	return a->root == b->root && a->command == b->command &&
		strcmp(NameStr(a->trigger), NameStr(b->trigger)) == 0;
}

Transfer *
transfer_arrive(const TransferTag *tag, const char *key)
{
	PlaceKey	name = place_key(tag, key, false);
	TransferPlace *place = hash_search(places, &name, HASH_FIND, NULL);
	dlist_iter	iter;

	Assert(pending > 0);
	if (place != NULL)
		dlist_foreach(iter, &place->waiting)
		{
			Transfer   *transfer = dlist_container(Transfer, key_node, iter.cur);

			if (same_tag(&transfer->tag, tag) &&
				(key == NULL ? transfer->key == NULL :
				 transfer->key != NULL && strcmp(transfer->key, key) == 0))
			{
				set_arrived(transfer);
				return transfer;
			}
		}
	name = place_key(tag, NULL, true);
	place = hash_search(places, &name, HASH_FIND, NULL);
	if (place != NULL)
		dlist_foreach(iter, &place->waiting)
		{
			Transfer   *transfer = dlist_container(Transfer, any_node, iter.cur);

			if (same_tag(&transfer->tag, tag))
			{
				set_arrived(transfer);
				return transfer;
			}
		}
	return NULL;
}

void
transfer_done(Transfer *transfer)
{
	/* neither of the two can be rolled back without the other? */
	if (transfer->departed >= transfer->arrived)
	{
		dlist_delete(&transfer->arrived_node);
		free_transfer(transfer);
	}
}

Transfer *
transfer_next_lost(void)
{
	while (pending > 0)
	{
		Transfer   *transfer = dlist_tail_element(Transfer, departed_node, &departed);

		if (transfer->arrived == InvalidSubTransactionId)
		{
			set_arrived(transfer);
			return transfer;
		}
		/* the transaction ends: no subtransaction is left that it could be rolled back with */
		dlist_delete(&transfer->arrived_node);
		free_transfer(transfer);
	}
	return NULL;
}
