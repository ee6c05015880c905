/*
 * cohort_value.c
 *	  Cohorts as Datums: arguments and results, the expanded form, input and
 *	  output, equality.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/expandeddatum.h"
#include "utils/memutils.h"

#include "bytes.h"
#include "cohort_value.h"
#include "compat.h"
#include "interrupts.h"

/* Cohorts of fewer events are stored at once. */
#define EXPAND_EVENTS	1000

/*
 * A large cohort between the aggregate that made it and the function that
 * reads it: grouped by lead, not packed. Read-only; stored when it must be.
 */
typedef struct ExpandedCohort
{
	ExpandedObjectHeader header;
	Cohort		cohort;
	struct varlena *flat;		/* once made */
} ExpandedCohort;

static Size expanded_size(ExpandedObjectHeader *header);
static void expanded_flatten(ExpandedObjectHeader *header, void *result,
							 Size size);

static const ExpandedObjectMethods expanded_methods = {
	expanded_size,
	expanded_flatten
};

static Size
expanded_size(ExpandedObjectHeader *header)
{
	ExpandedCohort *expanded = (ExpandedCohort *) header;

	if (expanded->flat == NULL)
	{
		/* the caller's may be of a kind that does not free */
		MemoryContext old = MemoryContextSwitchTo(header->eoh_context);

		expanded->flat = cohort_flatten(&expanded->cohort, header->eoh_context);
		MemoryContextSwitchTo(old);
	}
	return VARSIZE(expanded->flat);
}

static void
expanded_flatten(ExpandedObjectHeader *header, void *result, Size size)
{
	ExpandedCohort *expanded = (ExpandedCohort *) header;

	Assert(expanded->flat != NULL && size == VARSIZE(expanded->flat));
	copy_bytes(result, (const char *) expanded->flat, size);
}

bool
cohort_is_pile(const char *data, Size size)
{
	return size >= COHORT_FIXED && data[0] == COHORT_VERSION &&
		(data[1] & COHORT_PILE);
}

void
cohort_add_value(Cohort *cohort, struct varlena *value)
{
	const char *data = VARDATA_ANY(value);
	Size		size = VARSIZE_ANY_EXHDR(value);

	if (cohort_is_pile(data, size))
	{
		Size		used = (Size) load_le64(data + 10);
		Size		p = 18;

		while (p < used)
		{
			Size		length;

			if (used > size || used - p < 8)
				elog(ERROR, "invalid pile of cohorts");
			length = (Size) load_le64(data + p);
			p += 8;
			if (length > used - p)
				elog(ERROR, "invalid pile of cohorts");
			cohort_add_piece(cohort, data + p, length);
			p += length;
		}
	}
	else
		cohort_add_piece(cohort, data, size);
}

Cohort *
cohort_getarg(FunctionCallInfo fcinfo, int n)
{
	Datum		value = PG_GETARG_DATUM(n);
	Cohort	   *cohort;

	if (VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(value)))
	{
		ExpandedObjectHeader *header = DatumGetEOHP(value);

		if (header->eoh_methods == &expanded_methods)
			return &((ExpandedCohort *) header)->cohort;
	}
	cohort = palloc(sizeof(Cohort));
	cohort_init(cohort, CurrentMemoryContext);
	cohort_add_value(cohort, PG_DETOAST_DATUM_PACKED(value));
	return cohort;
}

Datum
cohort_result(const Cohort *cohort)
{
	ExpandedCohort *expanded;
	MemoryContext cxt;
	char	   *pointer;
	int64		events = cohort->buffer ? event_buffer_count(cohort->buffer) : 0;

	for (int i = 0; i < cohort->npieces; i++)
		events += cohort->pieces[i].stats.events;
	if (events < EXPAND_EVENTS)
	{
		Cohort		copy = *cohort;

		copy.cxt = CurrentMemoryContext;
		return PointerGetDatum(cohort_flatten(&copy, CurrentMemoryContext));
	}

	cxt = AllocSetContextCreate(CurrentMemoryContext, "expanded cohort",
								ALLOCSET_DEFAULT_SIZES);
	expanded = MemoryContextAllocZero(cxt, sizeof(ExpandedCohort));
	EOH_init_header(&expanded->header, &expanded_methods, cxt);
	expanded->cohort = *cohort;
	expanded->cohort.cxt = cxt;
	if (cohort->npieces > 0)
	{
		/* the array may be enlarged under us, the pieces stay */
		expanded->cohort.pieces = MemoryContextAlloc(cxt, cohort->npieces * sizeof(FlatCohort));
		memcpy(expanded->cohort.pieces, cohort->pieces,
			   cohort->npieces * sizeof(FlatCohort));
		expanded->cohort.apieces = cohort->npieces;
	}
	cohort_settle(&expanded->cohort);

	/*
	 * The pointer inside the object is not in the current context; before 16,
	 * the executor takes that for a value to be copied, and flattens it.
	 */
	pointer = palloc(EXPANDED_POINTER_SIZE);
	memcpy(pointer, expanded->header.eoh_ro_ptr, EXPANDED_POINTER_SIZE);
	return PointerGetDatum(pointer);
}

/*
 * The stored form of argument n, whatever form it comes in; detoasted, and
 * with a header of four bytes.
 */
static struct varlena *
getarg_flat(FunctionCallInfo fcinfo, int n)
{
	struct varlena *value = PG_GETARG_VARLENA_P(n);

	if (cohort_is_pile(VARDATA(value), VARSIZE(value) - VARHDRSZ))
	{
		Cohort		cohort;

		cohort_init(&cohort, CurrentMemoryContext);
		cohort_add_value(&cohort, value);
		value = cohort_flatten(&cohort, CurrentMemoryContext);
	}
	if (VARSIZE(value) - VARHDRSZ < COHORT_FIXED)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("invalid cohort value"),
				 errdetail("It has too few bytes.")));
	return value;
}

/* ------------------------------------------------------------------------
 * Input and output
 * ------------------------------------------------------------------------
 */

PG_FUNCTION_INFO_V1(cohort_in);
PG_FUNCTION_INFO_V1(cohort_out);
PG_FUNCTION_INFO_V1(cohort_recv);
PG_FUNCTION_INFO_V1(cohort_send);
PG_FUNCTION_INFO_V1(cohort_eq);
PG_FUNCTION_INFO_V1(cohort_ne);
PG_FUNCTION_INFO_V1(cohort_hash);
PG_FUNCTION_INFO_V1(cohort_hash_extended);

static bool
all_digits(const char *text, Size length)
{
	FOR_INTERRUPTIBLE(i, (int64) length)
		if (!isxdigit((unsigned char) text[i]))
			return false;
	return true;
}

/* The text form is that of the bytes in hexadecimal. */
Datum
cohort_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	Size		length = strlen(text);
	struct varlena *result;
	Size		size;

	while (length > 0 && isspace((unsigned char) *text))
	{
		text++;
		length--;
	}
	while (length > 0 && isspace((unsigned char) text[length - 1]))
		length--;
	if (length % 2 != 0 || !all_digits(text, length))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", "funnel.cohort"),
				 errdetail("The text form of a cohort is a row of pairs of hexadecimal digits."),
				 errhint("Build cohorts from rows, with funnel.cohort(lead, stage, at).")));
	size = length / 2;
	result = palloc(VARHDRSZ + size);
	SET_VARSIZE(result, VARHDRSZ + size);
	for (Size done = 0; done < size; done += INTERRUPT_BYTES)
	{
		CHECK_FOR_INTERRUPTS();
		hex_decode(text + 2 * done, 2 * Min(size - done, INTERRUPT_BYTES), VARDATA(result) + done);
	}
	flat_cohort_validate(VARDATA(result), size);
	PG_RETURN_POINTER(result);
}

Datum
cohort_out(PG_FUNCTION_ARGS)
{
	struct varlena *value = getarg_flat(fcinfo, 0);
	Size		size = VARSIZE(value) - VARHDRSZ;
	char	   *result;

	if (size * 2 + 1 > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("cohort is too large for its text form"),
				 errdetail("It has %zu bytes, and its text form would have more than 1 GB.", size),
				 errhint("Copy it in binary format, or split it.")));
	result = palloc(size * 2 + 1);
	for (Size done = 0; done < size; done += INTERRUPT_BYTES)
	{
		CHECK_FOR_INTERRUPTS();
		hex_encode(VARDATA(value) + done, Min(size - done, INTERRUPT_BYTES), result + 2 * done);
	}
	result[size * 2] = '\0';
	PG_RETURN_CSTRING(result);
}

Datum
cohort_recv(PG_FUNCTION_ARGS)
{
	StringInfo	buf = (StringInfo) PG_GETARG_POINTER(0);
	Size		size = (Size) (buf->len - buf->cursor);
	struct varlena *result = palloc(VARHDRSZ + size);

	SET_VARSIZE(result, VARHDRSZ + size);
	copy_bytes(VARDATA(result), pq_getmsgbytes(buf, (int) size), size);
	flat_cohort_validate(VARDATA(result), size);
	PG_RETURN_POINTER(result);
}

Datum
cohort_send(PG_FUNCTION_ARGS)
{
	/* the stored bytes are the wire format; callers free what they get */
	struct varlena *value = getarg_flat(fcinfo, 0);

	if (PointerGetDatum(value) == PG_GETARG_DATUM(0))
	{
		struct varlena *copy = palloc(VARSIZE(value));

		copy_bytes((char *) copy, (const char *) value, VARSIZE(value));
		value = copy;
	}
	PG_RETURN_BYTEA_P((bytea *) value);
}

/* ------------------------------------------------------------------------
 * Equality: of all but the number of rows ignored
 * ------------------------------------------------------------------------
 */

#define IGNORED_OFFSET	2
#define IGNORED_END		10

static bool
equal_values(FunctionCallInfo fcinfo)
{
	struct varlena *a = getarg_flat(fcinfo, 0);
	struct varlena *b = getarg_flat(fcinfo, 1);
	Size		size = VARSIZE(a) - VARHDRSZ;

	return VARSIZE(b) - VARHDRSZ == size &&
		memcmp(VARDATA(a), VARDATA(b), IGNORED_OFFSET) == 0 &&
		equal_bytes(VARDATA(a) + IGNORED_END, VARDATA(b) + IGNORED_END,
					size - IGNORED_END);
}

Datum
cohort_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(equal_values(fcinfo));
}

Datum
cohort_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!equal_values(fcinfo));
}

/* Part by part, each part's hash the seed of the next. */
static uint64
hash_value(FunctionCallInfo fcinfo, uint64 seed)
{
	struct varlena *value = getarg_flat(fcinfo, 0);
	const unsigned char *bytes = (const unsigned char *) VARDATA(value) + IGNORED_END;
	Size		size = VARSIZE(value) - VARHDRSZ - IGNORED_END;

	for (; size > INTERRUPT_BYTES; size -= INTERRUPT_BYTES)
	{
		seed = hash_bytes_extended(bytes, (int) INTERRUPT_BYTES, seed);
		bytes += INTERRUPT_BYTES;
		CHECK_FOR_INTERRUPTS();
	}
	return hash_bytes_extended(bytes, (int) size, seed);
}

Datum
cohort_hash(PG_FUNCTION_ARGS)
{
	/* what is the same as the lower half of the other */
	return UInt32GetDatum((uint32) hash_value(fcinfo, 0));
}

Datum
cohort_hash_extended(PG_FUNCTION_ARGS)
{
	return UInt64GetDatum(hash_value(fcinfo, (uint64) PG_GETARG_INT64(1)));
}
