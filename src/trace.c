/*
 * trace.c
 *	  The setting funnel.trace_cohorts, and what it has logged. Messages are for
 *	  people who tune queries, and like those of the server's own trace_sort not
 *	  translated.
 */
#include "postgres.h"

#include "utils/guc.h"

#include "cohort_run.h"
#include "compat.h"
#include "trace.h"

bool		trace_cohorts = false;

void
trace_define_setting(void)
{
	DefineCustomBoolVariable("funnel.trace_cohorts",
							 "Logs the events, leads, bytes and temporary files of each cohort that a query builds or reads.",
							 NULL,
							 &trace_cohorts,
							 false,
							 PGC_USERSET,
							 0,
							 NULL, NULL, NULL);
}

static int64
piece_leads(const FlatCohort *piece)
{
	int64		leads = 0;

	for (int c = 0; c < KEY_CLASSES; c++)
		leads += piece->nleads[c];
	return leads;
}

/* Where the pieces of a cohort are. */
typedef struct Parts
{
	int64		events;
	int64		ignored;
	int			runs;
	int64		run_bytes;
	int			packed;
	int64		packed_bytes;
} Parts;

static void
count_parts(const Cohort *cohort, Parts *parts)
{
	memset(parts, 0, sizeof(Parts));
	parts->ignored = cohort->ignored;
	if (cohort->buffer != NULL)
		parts->events = event_buffer_count(cohort->buffer);
	for (int i = 0; i < cohort->npieces; i++)
	{
		const FlatCohort *piece = &cohort->pieces[i];

		parts->events += piece->stats.events;
		parts->ignored += piece->ignored;
		if (piece->run != NULL)
		{
			parts->runs++;
			parts->run_bytes += cohort_run_bytes(piece);
		}
		else
		{
			parts->packed++;
			parts->packed_bytes += (int64) piece->size;
		}
	}
}

static void
trace(const char *message)
{
	ereport(LOG, (errmsg_internal("funnel: %s", message), errhidestmt(true), errhidecontext(true)));
}

void
trace_gathered(const Cohort *cohort)
{
	Parts		parts;

	if (likely(!trace_cohorts))
		return;
	count_parts(cohort, &parts);
	trace(psprintf("gathered " INT64_FORMAT " events, " INT64_FORMAT " rows ignored; memory: %zu bytes"
				   "; packed pieces: %d, " INT64_FORMAT " bytes"
				   "; runs in a temporary file: %d, " INT64_FORMAT " bytes",
				   parts.events, parts.ignored,
				   cohort->buffer != NULL ? event_buffer_bytes(cohort->buffer) : 0,
				   parts.packed, parts.packed_bytes, parts.runs, parts.run_bytes));
}

void
trace_read(const LeadStream *stream)
{
	Parts		parts;

	if (likely(!trace_cohorts) || stream->untraced)
		return;
	count_parts(stream->cohort, &parts);
	trace(psprintf("read " INT64_FORMAT " events of " INT64_FORMAT " leads; packed pieces: %d; runs: %d",
				   parts.events, stream->nread, parts.packed, parts.runs));
}

void
trace_spilled(const Cohort *cohort)
{
	const FlatCohort *run = &cohort->pieces[cohort->npieces - 1];

	if (likely(!trace_cohorts))
		return;
	trace(psprintf("spilled " INT64_FORMAT " events of " INT64_FORMAT " leads to a temporary file: "
				   INT64_FORMAT " bytes",
				   run->stats.events, piece_leads(run), cohort_run_bytes(run)));
}

void
trace_handed_over(Size bytes)
{
	if (likely(!trace_cohorts))
		return;
	trace(psprintf("handed over %zu bytes to the leader", bytes));
}
