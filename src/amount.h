/*
 * amount.h
 *	  Amounts of events: exact decimals, held as an integer and a scale.
 *
 * An amount keeps the scale it came with (1.5 and 1.50 are two amounts of one
 * value). What does not fit into 18 digits is kept as the text of a numeric:
 * rare, slower, and just as exact; NaN and the infinities are such too.
 */
#ifndef FUNNEL_AMOUNT_H
#define FUNNEL_AMOUNT_H

#include "fmgr.h"

typedef enum AmountKind
{
	AMOUNT_NONE,				/* NULL */
	AMOUNT_SMALL,				/* mantissa / 10^scale, |mantissa| < 10^18 */
	AMOUNT_TEXT					/* text of a numeric that is not small */
} AmountKind;

#define AMOUNT_MAX_SCALE	18	/* of AMOUNT_SMALL */
#define AMOUNT_TEXT_MAX		150000	/* longest text of any numeric, and more */

typedef struct Amount
{
	int64		mantissa;		/* AMOUNT_SMALL */
	const char *text;			/* AMOUNT_TEXT; not terminated, not owned */
	uint32		len;
	uint8		kind;
	uint8		scale;
} Amount;

/* Reads Datums of a numeric, float or integer type. */
typedef struct AmountReader
{
	Oid			type;
	bool		cstring;
} AmountReader;

/* Errors: any other type (datatype_mismatch). */
extern void amount_reader_init(AmountReader *reader, Oid type);

/* amount->text is palloc'd in the current context. */
extern void amount_read(AmountReader *reader, Datum value, Amount *amount);

extern void amount_from_numeric(Amount *amount, Datum numeric);
extern Datum amount_numeric(const Amount *amount);	/* not for AMOUNT_NONE */

/* Text that some numeric prints as, and that is not small? */
extern bool amount_is_canonical(const Amount *amount);

/* By value, then scale; AMOUNT_NONE last. */
extern int	amount_cmp(const Amount *a, const Amount *b);

/*
 * An exact sum that does not depend on the order of adding. Text amounts are
 * added as numeric; memory for those is taken from the context that is current
 * when they are added.
 */
typedef struct AmountSum
{
	int64		count;
	bool		scaled[AMOUNT_MAX_SCALE + 1];	/* is there a sum at the scale? */
	int128		sum[AMOUNT_MAX_SCALE + 1];
	Datum		other;			/* numeric; 0 is none */
} AmountSum;

extern void amount_sum_add(AmountSum *sum, const Amount *amount);

/* NULL (false) if nothing but NULL was added. */
extern bool amount_sum_numeric(const AmountSum *sum, Datum *numeric);

#endif							/* FUNNEL_AMOUNT_H */
