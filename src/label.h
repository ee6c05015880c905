/*
 * label.h
 *	  Stage labels and channel names: dictionaries of them, and the reading of
 *	  SQL values as labels.
 *
 * A label is told by its bytes and its kind: a channel called won is not a
 * stage. Events refer to labels by their code in a dictionary.
 */
#ifndef FUNNEL_LABEL_H
#define FUNNEL_LABEL_H

#include "fmgr.h"
#include "utils/float.h"

typedef struct Label
{
	const char *bytes;			/* not terminated */
	uint32		len;
	bool		touch;			/* a channel, not a stage */
	float8		rank;			/* order within the pipeline, or RANK_NONE */
} Label;

#define RANK_NONE	get_float8_infinity()	/* after all that have one */

/* Canonical order: stages before channels, then rank, then bytes. */
extern int	label_cmp(const Label *a, const Label *b);
extern bool label_equal(const Label *a, const Label *b);	/* rank ignored */

/*
 * A growing dictionary; codes are given in order of arrival and never change.
 * It lives as long as the context it was made in.
 */
typedef struct LabelDict
{
	MemoryContext cxt;
	Label	   *labels;			/* by code */
	uint32		nlabels;
	uint32		allocated;
	struct labelhash_hash *hash;
	uint32	   *position;		/* see label_dict_order() */
	uint32	   *by_position;
	bool		ordered;
	uint32	   *marks;			/* by code: see label_dict_new_mark() */
	uint32		mark;
} LabelDict;

/* The label's text. */
extern Datum label_datum(const Label *label);

/* Grows as need be; to have said how many labels to expect saves the time for that. */
extern LabelDict *label_dict_create(uint32 expected, MemoryContext cxt);

/*
 * The code of a label, added if it is new; its bytes are copied. A label that
 * was there with another rank keeps the smaller one. Errors: over
 * KEY_BYTES_MAX bytes (program_limit_exceeded).
 */
extern uint32 label_dict_add(LabelDict *dict, bool touch, const char *bytes,
							 uint32 len, float8 rank);

/* The code of a label, or dict->nlabels if it is not there. */
extern uint32 label_dict_find(LabelDict *dict, bool touch, const char *bytes,
							  uint32 len);

/*
 * A value that no element of dict->marks has: so labels can be marked as seen
 * without a sweep over all of them first, of which a small group has few.
 */
extern uint32 label_dict_new_mark(LabelDict *dict);

/*
 * Brings dict->position (place in canonical order by code) and
 * dict->by_position (its inverse) up to date.
 */
extern void label_dict_order(LabelDict *dict);

/* Reads the Datums of one SQL type as labels; kept in fn_extra. */
typedef struct LabelReader
{
	LabelDict  *dict;
	bool		touch;
	Oid			type;
	enum
	{
		LABEL_CSTRING,			/* an unknown literal */
		LABEL_STRING,
		LABEL_ENUM,
		LABEL_LEAD_STAGE,
		LABEL_INTEGER,
		LABEL_OTHER
	}			kind;
	FmgrInfo	output;
	struct
	{
		uint64		words[2];	/* of the string, or the value itself */
		uint32		len;
		uint32		code_plus_1;
	}			recent[256];	/* the fast way to a code */
} LabelReader;

extern void label_reader_init(LabelReader *reader, Oid type, bool touch,
							  LabelDict *dict, MemoryContext cxt);
extern uint32 label_read(LabelReader *reader, Datum value);

#endif							/* FUNNEL_LABEL_H */
