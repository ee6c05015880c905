/*
 * lead_stage.c
 *	  The type funnel.lead_stage: the B2B lead waterfall in one byte.
 *
 * It owns the labels, their order and the spellings that input takes. Input is
 * a function of its argument alone and reads no table, because a restore reads
 * stages before any table is filled.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/sortsupport.h"

#include "compat.h"
#include "lead_stage.h"

/* What an error shows of a value that may be of any length. */
#define SHOWN_MAX 60

/* Longer than any spelling, without the characters that input ignores. */
#define SPELLING_MAX 48

#define STAGES_HINT                                                                              \
	"The stages are inquiry, mql, sal, sql, opportunity, won, lost, disqualified and recycled; " \
	"funnel.lead_stage_spellings() lists what else is read as one of them."

static const char *const labels[LEAD_STAGE_LAST + 1] = {
	[LEAD_STAGE_INQUIRY] = "inquiry",
	[LEAD_STAGE_MQL] = "mql",
	[LEAD_STAGE_SAL] = "sal",
	[LEAD_STAGE_SQL] = "sql",
	[LEAD_STAGE_OPPORTUNITY] = "opportunity",
	[LEAD_STAGE_WON] = "won",
	[LEAD_STAGE_LOST] = "lost",
	[LEAD_STAGE_DISQUALIFIED] = "disqualified",
	[LEAD_STAGE_RECYCLED] = "recycled",
};

typedef struct Spelling
{
	const char *spelling;
	LeadStage stage;
} Spelling;

/*
 * Every spelling, in lower case without the characters that input ignores, in
 * byte order. One is here only if all CRMs that have it as a value mean the
 * same stage by it: a wrong stage is worse than an error.
 */
static const Spelling spellings[] = {
	{"acceptedbysales", LEAD_STAGE_SAL},
	{"backtomarketing", LEAD_STAGE_RECYCLED},
	{"backtonurture", LEAD_STAGE_RECYCLED},
	{"cannotcontact", LEAD_STAGE_DISQUALIFIED},
	{"closed/lost", LEAD_STAGE_LOST},
	{"closed/won", LEAD_STAGE_WON},
	{"closedlost", LEAD_STAGE_LOST},
	{"closedlosttocompetition", LEAD_STAGE_LOST},
	{"closednotconverted", LEAD_STAGE_DISQUALIFIED},
	{"closedwon", LEAD_STAGE_WON},
	{"closelost", LEAD_STAGE_LOST},
	{"closewon", LEAD_STAGE_WON},
	{"contractsent", LEAD_STAGE_OPPORTUNITY},
	{"customer", LEAD_STAGE_WON},
	{"deal", LEAD_STAGE_OPPORTUNITY},
	{"dealcreated", LEAD_STAGE_OPPORTUNITY},
	{"deallost", LEAD_STAGE_LOST},
	{"dealwon", LEAD_STAGE_WON},
	{"decisionmakerboughtin", LEAD_STAGE_OPPORTUNITY},
	{"develop", LEAD_STAGE_OPPORTUNITY},
	{"disqualified", LEAD_STAGE_DISQUALIFIED},
	{"disqualifiedlead", LEAD_STAGE_DISQUALIFIED},
	{"dq", LEAD_STAGE_DISQUALIFIED},
	{"enquiry", LEAD_STAGE_INQUIRY},
	{"evangelist", LEAD_STAGE_WON},
	{"id.decisionmakers", LEAD_STAGE_OPPORTUNITY},
	{"identifydecisionmakers", LEAD_STAGE_OPPORTUNITY},
	{"inquiry", LEAD_STAGE_INQUIRY},
	{"junk", LEAD_STAGE_DISQUALIFIED},
	{"junklead", LEAD_STAGE_DISQUALIFIED},
	{"lead", LEAD_STAGE_INQUIRY},
	{"leaddisqualified", LEAD_STAGE_DISQUALIFIED},
	{"leadin", LEAD_STAGE_INQUIRY},
	{"leadrecycled", LEAD_STAGE_RECYCLED},
	{"lost", LEAD_STAGE_LOST},
	{"lostclosed", LEAD_STAGE_LOST},
	{"lostdeal", LEAD_STAGE_LOST},
	{"lostlead", LEAD_STAGE_LOST},
	{"lostopportunity", LEAD_STAGE_LOST},
	{"marketingqualified", LEAD_STAGE_MQL},
	{"marketingqualifiedaccount", LEAD_STAGE_MQL},
	{"marketingqualifiedlead", LEAD_STAGE_MQL},
	{"marketingqualifiedlead(mql)", LEAD_STAGE_MQL},
	{"mqa", LEAD_STAGE_MQL},
	{"mql", LEAD_STAGE_MQL},
	{"mqlmarketingqualifiedlead", LEAD_STAGE_MQL},
	{"needsanalysis", LEAD_STAGE_OPPORTUNITY},
	{"negotiation", LEAD_STAGE_OPPORTUNITY},
	{"negotiation/review", LEAD_STAGE_OPPORTUNITY},
	{"negotiationsstarted", LEAD_STAGE_OPPORTUNITY},
	{"newcustomer", LEAD_STAGE_WON},
	{"newdeal", LEAD_STAGE_OPPORTUNITY},
	{"newenquiry", LEAD_STAGE_INQUIRY},
	{"newinquiry", LEAD_STAGE_INQUIRY},
	{"newlead", LEAD_STAGE_INQUIRY},
	{"newopportunity", LEAD_STAGE_OPPORTUNITY},
	{"nolongerinterested", LEAD_STAGE_DISQUALIFIED},
	{"notqualified", LEAD_STAGE_DISQUALIFIED},
	{"opendeal", LEAD_STAGE_OPPORTUNITY},
	{"openopportunity", LEAD_STAGE_OPPORTUNITY},
	{"opp", LEAD_STAGE_OPPORTUNITY},
	{"opportunity", LEAD_STAGE_OPPORTUNITY},
	{"opportunitycreated", LEAD_STAGE_OPPORTUNITY},
	{"opportunitylost", LEAD_STAGE_LOST},
	{"opportunityopen", LEAD_STAGE_OPPORTUNITY},
	{"opportunitywon", LEAD_STAGE_WON},
	{"oppty", LEAD_STAGE_OPPORTUNITY},
	{"outsold", LEAD_STAGE_LOST},
	{"perceptionanalysis", LEAD_STAGE_OPPORTUNITY},
	{"presentationscheduled", LEAD_STAGE_OPPORTUNITY},
	{"proposal", LEAD_STAGE_OPPORTUNITY},
	{"proposal/pricequote", LEAD_STAGE_OPPORTUNITY},
	{"proposalmade", LEAD_STAGE_OPPORTUNITY},
	{"proposalsent", LEAD_STAGE_OPPORTUNITY},
	{"propose", LEAD_STAGE_OPPORTUNITY},
	{"proposition", LEAD_STAGE_OPPORTUNITY},
	{"qualifiedbymarketing", LEAD_STAGE_MQL},
	{"qualifiedbysales", LEAD_STAGE_SQL},
	{"qualifiedopportunity", LEAD_STAGE_OPPORTUNITY},
	{"qualifiedtobuy", LEAD_STAGE_OPPORTUNITY},
	{"rawinquiry", LEAD_STAGE_INQUIRY},
	{"rawlead", LEAD_STAGE_INQUIRY},
	{"recycle", LEAD_STAGE_RECYCLED},
	{"recycled", LEAD_STAGE_RECYCLED},
	{"recycledlead", LEAD_STAGE_RECYCLED},
	{"recycledtomarketing", LEAD_STAGE_RECYCLED},
	{"recycledtonurture", LEAD_STAGE_RECYCLED},
	{"returnedtomarketing", LEAD_STAGE_RECYCLED},
	{"returnedtonurture", LEAD_STAGE_RECYCLED},
	{"returntomarketing", LEAD_STAGE_RECYCLED},
	{"returntonurture", LEAD_STAGE_RECYCLED},
	{"sal", LEAD_STAGE_SAL},
	{"salesaccepted", LEAD_STAGE_SAL},
	{"salesacceptedlead", LEAD_STAGE_SAL},
	{"salesacceptedlead(sal)", LEAD_STAGE_SAL},
	{"salesopportunity", LEAD_STAGE_OPPORTUNITY},
	{"salesqualified", LEAD_STAGE_SQL},
	{"salesqualifiedlead", LEAD_STAGE_SQL},
	{"salesqualifiedlead(sql)", LEAD_STAGE_SQL},
	{"salesqualifiedopportunity", LEAD_STAGE_OPPORTUNITY},
	{"salesqualifiedopportunity(sqo)", LEAD_STAGE_OPPORTUNITY},
	{"salsalesacceptedlead", LEAD_STAGE_SAL},
	{"sentbacktomarketing", LEAD_STAGE_RECYCLED},
	{"sql", LEAD_STAGE_SQL},
	{"sqlsalesqualifiedlead", LEAD_STAGE_SQL},
	{"sqo", LEAD_STAGE_OPPORTUNITY},
	{"subscriber", LEAD_STAGE_INQUIRY},
	{"unqualified", LEAD_STAGE_DISQUALIFIED},
	{"unqualifiedlead", LEAD_STAGE_DISQUALIFIED},
	{"valueproposition", LEAD_STAGE_OPPORTUNITY},
	{"won", LEAD_STAGE_WON},
	{"wonclosed", LEAD_STAGE_WON},
	{"wondeal", LEAD_STAGE_WON},
	{"wonopportunity", LEAD_STAGE_WON},
};

/* The stage that s is a spelling of, or 0. */
static uint8
find_stage(const char *s, Size len)
{
	char wanted[SPELLING_MAX];
	int wanted_len = 0;
	int low = 0;
	int high = lengthof(spellings);

	for (Size i = 0; i < len; i++)
	{
		char c = s[i];

		if (c == ' ' || c == '\t' || c == '_' || c == '-')
			continue;
		if (wanted_len == SPELLING_MAX - 1)
			return 0;
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		wanted[wanted_len++] = c;
	}
	wanted[wanted_len] = '\0';

	while (low < high)
	{
		int middle = (low + high) / 2;
		int cmp = strcmp(wanted, spellings[middle].spelling);

		if (cmp == 0)
			return spellings[middle].stage;
		if (cmp < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return 0;
}

/* As find_stage, but an error, left in escontext where that takes it, instead of 0. */
static uint8
require_stage(const char *s, Size len, Node *escontext)
{
	uint8 stage = find_stage(s, len);
	bool long_value = len > SHOWN_MAX;

	if (stage == 0)
	{
		int shown = long_value ? pg_mbcliplen(s, (int) len, SHOWN_MAX) : (int) len;

		funnel_ereturn(escontext, 0,
					   (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
						errmsg("invalid input value for lead_stage: \"%.*s%s\"", shown, s,
							   long_value ? "..." : ""),
						errhint(STAGES_HINT)));
	}
	return stage;
}

const char *
lead_stage_label(uint8 stage)
{
	if (stage < LEAD_STAGE_FIRST || stage > LEAD_STAGE_LAST)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg_internal("value %d is no lead stage", stage)));
	return labels[stage];
}

/* Text and binary forms */

PG_FUNCTION_INFO_V1(lead_stage_in);
Datum
lead_stage_in(PG_FUNCTION_ARGS)
{
	char *s = PG_GETARG_CSTRING(0);

	PG_RETURN_LEAD_STAGE(require_stage(s, strlen(s), fcinfo->context));
}

PG_FUNCTION_INFO_V1(lead_stage_out);
Datum
lead_stage_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pstrdup(lead_stage_label(PG_GETARG_LEAD_STAGE(0))));
}

PG_FUNCTION_INFO_V1(lead_stage_recv);
Datum
lead_stage_recv(PG_FUNCTION_ARGS)
{
	int value = pq_getmsgbyte((StringInfo) PG_GETARG_POINTER(0));

	if (value < LEAD_STAGE_FIRST || value > LEAD_STAGE_LAST)
		ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
						errmsg("invalid binary value for lead_stage: %d", value),
						errhint("The binary form is one byte: 1 for inquiry to 9 for recycled.")));
	PG_RETURN_LEAD_STAGE((uint8) value);
}

PG_FUNCTION_INFO_V1(lead_stage_send);
Datum
lead_stage_send(PG_FUNCTION_ARGS)
{
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendbyte(&buf, PG_GETARG_LEAD_STAGE(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

/* From and to text */

PG_FUNCTION_INFO_V1(lead_stage_from_text);
Datum
lead_stage_from_text(PG_FUNCTION_ARGS)
{
	text *value = PG_GETARG_TEXT_PP(0);

	PG_RETURN_LEAD_STAGE(require_stage(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), NULL));
}

PG_FUNCTION_INFO_V1(try_lead_stage);
Datum
try_lead_stage(PG_FUNCTION_ARGS)
{
	text *value = PG_GETARG_TEXT_PP(0);
	uint8 stage = find_stage(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));

	if (stage == 0)
		PG_RETURN_NULL();
	PG_RETURN_LEAD_STAGE(stage);
}

PG_FUNCTION_INFO_V1(lead_stage_to_text);
Datum
lead_stage_to_text(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(lead_stage_label(PG_GETARG_LEAD_STAGE(0))));
}

PG_FUNCTION_INFO_V1(lead_stage_spellings);
Datum
lead_stage_spellings(PG_FUNCTION_ARGS)
{
	FuncCallContext *funcctx;

	if (SRF_IS_FIRSTCALL())
	{
		TupleDesc tupdesc;
		MemoryContext caller;

		funcctx = SRF_FIRSTCALL_INIT();
		caller = MemoryContextSwitchTo(funcctx->multi_call_memory_ctx);
		if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		funcctx->tuple_desc = BlessTupleDesc(tupdesc);
		funcctx->max_calls = lengthof(spellings);
		MemoryContextSwitchTo(caller);
	}

	funcctx = SRF_PERCALL_SETUP();
	if (funcctx->call_cntr < funcctx->max_calls)
	{
		const Spelling *row = &spellings[funcctx->call_cntr];
		Datum values[2];
		bool nulls[2] = {false, false};

		values[0] = CStringGetTextDatum(row->spelling);
		values[1] = LeadStageGetDatum((uint8) row->stage);
		SRF_RETURN_NEXT(funcctx,
						HeapTupleGetDatum(heap_form_tuple(funcctx->tuple_desc, values, nulls)));
	}
	SRF_RETURN_DONE(funcctx);
}

/* What a stage means */

PG_FUNCTION_INFO_V1(lead_stage_progress);
Datum
lead_stage_progress(PG_FUNCTION_ARGS)
{
	uint8 stage = PG_GETARG_LEAD_STAGE(0);

	if (stage > LEAD_STAGE_WON)
		PG_RETURN_NULL();
	PG_RETURN_INT32(stage);
}

/* A recycled lead can still be won: it is in nurture, not gone. */
PG_FUNCTION_INFO_V1(lead_stage_is_open);
Datum
lead_stage_is_open(PG_FUNCTION_ARGS)
{
	uint8 stage = PG_GETARG_LEAD_STAGE(0);

	PG_RETURN_BOOL(stage < LEAD_STAGE_WON || stage == LEAD_STAGE_RECYCLED);
}

PG_FUNCTION_INFO_V1(lead_stage_is_won);
Datum
lead_stage_is_won(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) == LEAD_STAGE_WON);
}

/* Order and equality */

PG_FUNCTION_INFO_V1(lead_stage_eq);
Datum
lead_stage_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) == PG_GETARG_LEAD_STAGE(1));
}

PG_FUNCTION_INFO_V1(lead_stage_ne);
Datum
lead_stage_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) != PG_GETARG_LEAD_STAGE(1));
}

PG_FUNCTION_INFO_V1(lead_stage_lt);
Datum
lead_stage_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) < PG_GETARG_LEAD_STAGE(1));
}

PG_FUNCTION_INFO_V1(lead_stage_le);
Datum
lead_stage_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) <= PG_GETARG_LEAD_STAGE(1));
}

PG_FUNCTION_INFO_V1(lead_stage_gt);
Datum
lead_stage_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) > PG_GETARG_LEAD_STAGE(1));
}

PG_FUNCTION_INFO_V1(lead_stage_ge);
Datum
lead_stage_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(PG_GETARG_LEAD_STAGE(0) >= PG_GETARG_LEAD_STAGE(1));
}

PG_FUNCTION_INFO_V1(lead_stage_cmp);
Datum
lead_stage_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int) PG_GETARG_LEAD_STAGE(0) - (int) PG_GETARG_LEAD_STAGE(1));
}

static int
compare_stages(Datum a, Datum b, SortSupport ssup)
{
	return (int) DatumGetLeadStage(a) - (int) DatumGetLeadStage(b);
}

PG_FUNCTION_INFO_V1(lead_stage_sortsupport);
Datum
lead_stage_sortsupport(PG_FUNCTION_ARGS)
{
	((SortSupport) PG_GETARG_POINTER(0))->comparator = compare_stages;
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(lead_stage_hash);
Datum
lead_stage_hash(PG_FUNCTION_ARGS)
{
	return hash_uint32(PG_GETARG_LEAD_STAGE(0));
}

PG_FUNCTION_INFO_V1(lead_stage_hash_extended);
Datum
lead_stage_hash_extended(PG_FUNCTION_ARGS)
{
	return hash_uint32_extended(PG_GETARG_LEAD_STAGE(0), (uint64) PG_GETARG_INT64(1));
}

PG_FUNCTION_INFO_V1(lead_stage_smaller);
Datum
lead_stage_smaller(PG_FUNCTION_ARGS)
{
	PG_RETURN_LEAD_STAGE(Min(PG_GETARG_LEAD_STAGE(0), PG_GETARG_LEAD_STAGE(1)));
}

PG_FUNCTION_INFO_V1(lead_stage_larger);
Datum
lead_stage_larger(PG_FUNCTION_ARGS)
{
	PG_RETURN_LEAD_STAGE(Max(PG_GETARG_LEAD_STAGE(0), PG_GETARG_LEAD_STAGE(1)));
}
