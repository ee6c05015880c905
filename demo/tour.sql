-- The tour of the demo CRM (demo/crm.sql): questions, each with its query and how to read the answer; then a pipeline
-- that the CRM is held to. "Today" is 2026-07-01, so that the answers are always the same; on your own data leave
-- `as_of` out. It makes the roles demo_sync and demo_arbiter, and drops them at the end.

\set QUIET on
\pset footer off
\pset border 1
\pset linestyle ascii
\pset format aligned
\pset expanded off
\pset null '-'
\pset pager off
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
SET client_min_messages = warning;
\set ECHO queries

\echo
\echo '=== 1. What is in the CRM? ========================================================================='
\echo

SELECT (SELECT count(*) FROM crm.leads)        AS leads,
       (SELECT count(*) FROM crm.lead_history) AS stage_changes,
       (SELECT count(*) FROM crm.touches)      AS touches,
       (SELECT count(*) FROM crm.deals)        AS deals,
       (SELECT to_char(sum(amount), '99,999,999') FROM crm.deals WHERE status = 'won') AS "won, USD";

\echo '  Two years of a software company: plain tables, as a sync from any CRM leaves them.'

\echo
\echo '=== 2. How does funnel read it? ===================================================================='
\echo

CREATE TABLE crm.cohorts AS
SELECT source, quarter, funnel.merge(c) AS cohort
  FROM (SELECT source, date_trunc('quarter', created_at) AS quarter,
               funnel.cohort(lead_id, h.stage, changed_at, h.amount, deal_id) AS c
          FROM crm.lead_history AS h JOIN crm.leads AS l ON l.id = h.lead_id GROUP BY 1, 2
         UNION ALL
        SELECT source, date_trunc('quarter', created_at), funnel.touches(lead_id, channel, at)
          FROM crm.touches AS t JOIN crm.leads AS l ON l.id = t.lead_id GROUP BY 1, 2) AS p
 GROUP BY source, quarter;
\echo
CREATE VIEW crm.everybody AS SELECT funnel.merge(cohort) AS c FROM crm.cohorts;
\echo
SELECT (SELECT count(*) FROM crm.cohorts) AS cohorts, leads, events, array_length(stages, 1) AS stages,
       array_length(channels, 1) AS channels, first_at::date AS "from", last_at::date AS "to",
       round(bytes::numeric / events, 1) AS "bytes an event"
  FROM crm.everybody, funnel.describe(c);

\echo '  One value per source and quarter holds every stage change and touch of its leads, exactly. All'
\echo '  questions below are asked of these values; new questions need no new load.'

\echo
\echo '=== 3. Where do leads leak? ========================================================================'
\echo

SELECT stage, leads, round(100 * from_previous) AS "% of previous",
       round((100 * from_first)::numeric, 1) AS "% of all",
       round(median_days::numeric, 1) AS "median days", round(p90_days::numeric, 1) AS "9 in 10 within"
  FROM crm.everybody,
       funnel.steps(c, '{inquiry,mql,sal,sql,opportunity,won}', within => '180 days', as_of => '2026-07-01');

\echo '  Leads that went through every stage, in this order, within 180 days of their inquiry. Of 1,000, 387'
\echo '  become MQLs and 14 buy. The days are from the stage before. Most is lost where sales takes over from'
\echo '  marketing: of 100 MQLs, 55 are accepted and 26 qualified.'

\echo
\echo '=== 4. Why does the other report show other numbers? ==============================================='
\echo

SELECT stage,
       max(leads) FILTER (WHERE m = 'strict')  AS strict,
       max(leads) FILTER (WHERE m = 'ordered') AS ordered,
       max(leads) FILTER (WHERE m = 'implied') AS implied,
       max(leads) FILTER (WHERE m = 'any')     AS "any",
       max(ever)                               AS ever
  FROM crm.everybody, unnest('{strict,ordered,implied,any}'::text[]) AS m,
       funnel.steps(c, '{mql,sal,sql,opportunity,won}', mode => m, as_of => '2026-07-01')
 GROUP BY step, stage ORDER BY step;

\echo '  strict: each stage straight after the one before.'
\echo '  ordered: in this order, with detours (a recycled lead).'
\echo '  implied: who is further along has passed the stages it skipped (partner leads go straight to SQL).'
\echo '  any: each stage for itself. ever: whoever was in the stage at any time, the number a CRM list shows.'

\echo
\echo '=== 5. Is it getting better? ======================================================================='
\echo

SELECT to_char(q, 'YYYY "Q"Q') AS quarter,
       max(leads)                        FILTER (WHERE stage = 'inquiry')     AS inquiries,
       max(round(100 * from_previous))   FILTER (WHERE stage = 'mql')         AS "mql %",
       max(round(100 * from_previous))   FILTER (WHERE stage = 'sal')         AS "sal %",
       max(round(100 * from_previous))   FILTER (WHERE stage = 'sql')         AS "sql %",
       max(round(100 * from_previous))   FILTER (WHERE stage = 'opportunity') AS "opp %",
       max(round(100 * from_previous))   FILTER (WHERE stage = 'won')         AS "won %",
       max(leads)                        FILTER (WHERE stage = 'won')         AS won,
       max(to_char(amount, '9,999,999')) FILTER (WHERE stage = 'won')         AS "won, USD"
  FROM crm.everybody, generate_series(timestamptz '2024-07-01', '2026-04-01', '3 months') AS q,
       funnel.steps(c, '{inquiry,mql,sal,sql,opportunity,won}', within => '180 days',
                    period => tstzrange(q, q + interval '3 months'), as_of => '2026-07-01')
 GROUP BY q ORDER BY q;

\echo '  Each rate is from the stage before. 2025 Q4: more inquiries became MQLs than ever, and sales took'
\echo '  fewer of them than ever: see 7. 2025 Q1 and Q2: fewer deals were won in time: see 10. 2026 Q2 is'
\echo '  young: see 9.'

\echo
\echo '=== 6. Which sources are worth their MQLs? ========================================================='
\echo

SELECT source,
       max(leads)                         FILTER (WHERE stage = 'mql')         AS mqls,
       max(round(100 * from_previous))    FILTER (WHERE stage = 'sal')         AS "sal %",
       max(round(100 * from_previous))    FILTER (WHERE stage = 'sql')         AS "sql %",
       max(round(100 * from_previous))    FILTER (WHERE stage = 'opportunity') AS "opp %",
       max(round(100 * from_previous))    FILTER (WHERE stage = 'won')         AS "won %",
       max(leads)                         FILTER (WHERE stage = 'won')         AS won,
       max(to_char(amount, '99,999,999')) FILTER (WHERE stage = 'won')         AS "won, USD",
       round(min(amount) / max(leads))                                         AS "USD per MQL"
  FROM (SELECT source, funnel.merge(cohort) AS c FROM crm.cohorts GROUP BY source) AS s,
       funnel.steps(c, '{mql,sal,sql,opportunity,won}', mode => 'implied', as_of => '2026-07-01')
 GROUP BY source ORDER BY min(amount) / max(leads) DESC;

\echo '  Paid search brings most MQLs and the least money: a partner MQL earns 28 times as much. Counted as'
\echo '  implied because partners and outbound skip stages; a second deal of the same lead is not in the sum.'

\echo
\echo '=== 7. Whose MQLs did sales stop accepting? ========================================================'
\echo

SELECT source,
       round(100 * funnel.conversion_rate(c, 'mql', 'sal', '30 days', period => '[2025-04-01,2025-07-01)',
                                          as_of => '2026-07-01')) AS "2025 Q2 %",
       round(100 * funnel.conversion_rate(c, 'mql', 'sal', '30 days', period => '[2025-07-01,2025-10-01)',
                                          as_of => '2026-07-01')) AS "2025 Q3 %",
       round(100 * funnel.conversion_rate(c, 'mql', 'sal', '30 days', period => '[2025-10-01,2026-01-01)',
                                          as_of => '2026-07-01')) AS "2025 Q4 %",
       round(100 * funnel.conversion_rate(c, 'mql', 'sal', '30 days', period => '[2026-01-01,2026-04-01)',
                                          as_of => '2026-07-01')) AS "2026 Q1 %"
  FROM (SELECT source, funnel.merge(cohort) AS c FROM crm.cohorts GROUP BY source) AS s
 ORDER BY source;

\echo '  Share of the MQLs of each quarter that were accepted within 30 days. Webinar and paid search, and'
\echo '  only in 2025 Q4: for these two the score that makes an MQL was lowered in that quarter.'

\echo
\echo '=== 8. Worse, or chance? ==========================================================================='
\echo

SELECT source, a_leads AS "MQLs Q3", round((100 * a_rate)::numeric, 1) AS "accepted %",
       b_leads AS "MQLs Q4", round((100 * b_rate)::numeric, 1) AS "accepted %",
       to_char(100 * low, 'S990.0') || ' to' || to_char(100 * high, 'S990.0') AS "difference, 95% interval",
       to_char(p_value, '0.0000') AS "p-value"
  FROM (SELECT source, funnel.merge(cohort) AS c FROM crm.cohorts GROUP BY source) AS s,
       funnel.compare(funnel.entered(c, 'mql', '[2025-07-01,2025-10-01)'),
                      funnel.entered(c, 'mql', '[2025-10-01,2026-01-01)'),
                      'mql', 'sal', within => '30 days', as_of => '2026-07-01') AS f
 ORDER BY source;

\echo '  Leads that became MQLs in 2025 Q3 against those of Q4. The interval is in percentage points. Webinar'
\echo '  and paid search fell by some 30 points, and by chance that hardly happens. Outbound fell by 12: its'
\echo '  p-value of 0.02 is worth a look, no more: among seven sources chance finds one as low in one case of 8.'

\echo
\echo '=== 9. Is the last quarter worse, or only young? ==================================================='
\echo

SELECT to_char(q, 'YYYY "Q"Q') AS "SQLs of", round((100 * from_previous)::numeric, 1) AS "won so far %",
       to_char(100 * low, '90.0') || ' to' || to_char(100 * high, '90.0') AS "95% interval",
       pending AS "may still win", mature_leads AS "window closed",
       round((100 * mature_rate)::numeric, 1) AS "won of these %"
  FROM crm.everybody, generate_series(timestamptz '2025-04-01', '2026-04-01', '3 months') AS q,
       funnel.steps(c, '{sql,won}', within => '60 days',
                    period => tstzrange(q, q + interval '3 months'), as_of => '2026-07-01')
 WHERE step = 2 ORDER BY q;

\echo '  SQLs won within 60 days. 2026 Q2 seems half as good as the quarter before, but 675 of its SQLs still'
\echo '  have time. Of the 332 whose 60 days are over 9.9 % were won: it is only young. 2025 Q2 really was'
\echo '  worse.'

\echo
\echo '=== 10. How long does it take? ====================================================================='
\echo

SELECT a || ' to ' || b AS "days from",
       round(funnel.velocity(c, a, b,      as_of => d)::numeric, 1) AS mean,
       round(funnel.velocity(c, a, b, 0.5, as_of => d)::numeric, 1) AS median,
       round(funnel.velocity(c, a, b, 0.9, as_of => d)::numeric, 1) AS "9 in 10 within",
       round(funnel.velocity(c, a, b, 0.5, period => '[2024-07-01,2025-01-01)', as_of => d)) AS "2024 H2",
       round(funnel.velocity(c, a, b, 0.5, period => '[2025-01-01,2025-07-01)', as_of => d)) AS "2025 H1",
       round(funnel.velocity(c, a, b, 0.5, period => '[2025-07-01,2026-01-01)', as_of => d)) AS "2025 H2"
  FROM crm.everybody, CAST('2026-07-01' AS timestamptz) AS d,
       (VALUES ('mql', 'sal'), ('sal', 'sql'), ('sql', 'opportunity'),
               ('opportunity', 'won'), ('mql', 'won')) AS v (a, b);

\echo '  Days from the first stage to the second, and the median of the leads that began in each half year.'
\echo '  The price change of 2025 doubled the time from opportunity to won; it was taken back in August.'
\echo '  Where the mean is far above the median, recycled leads came back after months.'

\echo
\echo '=== 11. Where is the bottleneck? ==================================================================='
\echo

SELECT f.stage, f.entries, f.current AS "there now",
       round(f.median_days::numeric, 1) AS "median days", round(f.p90_days::numeric, 1) AS "9 in 10 left within",
       round(f.median_age_days::numeric) AS "median age now", round(f.p90_age_days::numeric) AS "9 in 10 younger than"
  FROM crm.everybody, funnel.stages(c, as_of => '2026-07-01') AS f
 WHERE f.stage IN ('inquiry', 'mql', 'sal', 'sql', 'opportunity');

SELECT f.from_stage AS stage,
       round(100 * sum(transitions) FILTER (WHERE to_stage IN ('mql', 'sal', 'sql', 'opportunity', 'won')) / sum(transitions)) AS "on or back %",
       round(100 * sum(transitions) FILTER (WHERE to_stage IN ('lost', 'disqualified')) / sum(transitions)) AS "lost %",
       round(100 * sum(transitions) FILTER (WHERE to_stage = 'recycled') / sum(transitions)) AS "recycled %",
       round(100 * sum(transitions) FILTER (WHERE to_stage IS NULL) / sum(transitions)) AS "still there %",
       sum(transitions) FILTER (WHERE to_stage IN ('lost', 'disqualified', 'recycled')) AS "lost or recycled"
  FROM crm.everybody, funnel.transitions(c, as_of => '2026-07-01') AS f
 WHERE f.from_stage IN ('inquiry', 'mql', 'sal', 'sql', 'opportunity')
 GROUP BY f.from_stage ORDER BY f.from_stage::funnel.lead_stage;

\echo '  The days are those of leads that left, the ages those of leads still there. Half of the MQLs that'
\echo '  left did so within 4 days; 3,745 are still there, half of them for 8 months. SAL and SQL look the same,'
\echo '  opportunities not. Past inquiry most leads drop out of MQL and SAL: there is the bottleneck.'
\echo
\echo '=== 12. What are the odds of an opportunity, week by week? ========================================='
\echo

WITH curve AS MATERIALIZED (
    SELECT f.* FROM crm.everybody,
           funnel.outcomes(c, 'opportunity', '{won,lost}', as_of => '2026-07-01') AS f),
so_far AS (
    SELECT day, coalesce(max(probability) FILTER (WHERE outcome = 'won'), 0) AS won,
           coalesce(max(probability) FILTER (WHERE outcome = 'lost'), 0) AS lost
      FROM generate_series(0, 140, 14) AS day LEFT JOIN curve ON elapsed_days <= day GROUP BY day)
SELECT day / 7 AS week, round((100 * won)::numeric, 1) AS "won %", round((100 * lost)::numeric, 1) AS "lost %",
       repeat('#', round(60 * won)::int)
       || repeat(' ', 60 - round(60 * won)::int - round(60 * lost)::int)
       || repeat('-', round(60 * lost)::int) AS "won #, open, lost -"
  FROM so_far ORDER BY day;

\echo '  Opportunities that are still open count for as long as they have been watched, so that young ones do'
\echo '  not look like lost ones. After 20 weeks 27 % are won and 58 % lost; half of these wins have come by'
\echo '  week 6, and after week 14 few more come.'
\echo
\echo '=== 13. How old is what is open? ==================================================================='
\echo

SELECT f.stage, sum(leads) AS open,
       max(leads) FILTER (WHERE bucket = 1) AS "under 7 days", max(leads) FILTER (WHERE bucket = 2) AS "7 to 30",
       max(leads) FILTER (WHERE bucket = 3) AS "30 to 90",     max(leads) FILTER (WHERE bucket = 4) AS "90 and more",
       max(round(100 * share)) FILTER (WHERE bucket = 4) AS "90 and more %"
  FROM crm.everybody, funnel.aging(c, exits => '{won,lost,disqualified,recycled}', as_of => '2026-07-01') AS f
 GROUP BY f.stage ORDER BY f.stage::funnel.lead_stage;

\echo '  Four of five open MQLs have lain there for 90 days or more, and two in five opportunities. Of'
\echo '  the deals that came to an end, half did so within 45 days.'
\echo
\echo '=== 14. What happened to lead 105702? =============================================================='
\echo

SELECT s.stage, entered_at, round(days::numeric, 1) AS days, h.changed_by, h.reason,
       s.ref AS deal, to_char(s.amount, '999,999.99') AS "amount, USD"
  FROM crm.everybody, funnel.stays(c, as_of => '2026-07-01') AS s
  JOIN crm.lead_history AS h
    ON h.lead_id::text = s.lead AND h.stage::text = s.stage AND h.changed_at = s.entered_at
 WHERE s.lead = '105702' ORDER BY entered_at;

\echo '  Lost for want of a decision, recycled, back after eight months and won on the second pass. The'
\echo '  nightly sync wrote some of these stages again; that changes nothing. Such rows stand behind every'
\echo '  number above.'

\echo
\echo '=== 15. Why is it not among the won of question 3? ================================================='
\echo

SELECT step, f.stage, at, reached, why
  FROM (SELECT funnel.cohort(lead_id, stage, changed_at) AS c FROM crm.lead_history WHERE lead_id = 105702) AS one,
       funnel.trace(c, '{inquiry,mql,sal,sql,opportunity,won}', within => '180 days', as_of => '2026-07-01') AS f
 ORDER BY step;

SELECT f.why, count(*) AS leads, min(lead) AS "for example"
  FROM crm.everybody,
       funnel.trace(c, '{inquiry,mql,sal,sql,opportunity,won}', within => '180 days', as_of => '2026-07-01') AS f
 WHERE f.stage = 'won' AND f.why IS NOT NULL
 GROUP BY f.why ORDER BY leads DESC;

\echo '  The same arguments as in question 3, lead by lead: the first step that a lead did not take says why.'
\echo '  Lead 105702 was not accepted within 180 days of its inquiry, only when it came back. Below, the'
\echo '  opportunities that question 3 does not count as won: 525 of them still have time.'

\echo
\echo '=== 16. Which desk lets MQLs lie? =================================================================='
\echo

SELECT l.owner AS desk, count(*) AS "MQLs of 2026",
       round(100.0 * count(*) FILTER (WHERE next_stage = 'sal') / count(*)) AS "accepted %",
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY days)
             FILTER (WHERE next_stage = 'sal')) AS "median days to it",
       count(*) FILTER (WHERE is_open AND days > 30) AS "waiting 30 days",
       count(*) FILTER (WHERE is_open AND days > 30 AND NOT EXISTS (
           SELECT FROM crm.touches AS t
            WHERE t.lead_id = l.id AND t.at >= entered_at AND t.channel LIKE 'sales%')) AS "never contacted"
  FROM crm.everybody, funnel.stays(c, period => '[2026-01-01,2026-07-01)', as_of => '2026-07-01') AS s
  JOIN crm.leads AS l ON l.id = s.lead::bigint
 WHERE s.stage = 'mql'
 GROUP BY l.owner ORDER BY l.owner;

\echo '  France accepts fewer MQLs than the others, and takes three times as long. Nobody ever wrote to or'
\echo '  called the leads of the last column: the same query without count() is the call list.'

\echo
\echo '=== 17. Which channels earned the revenue? ========================================================='
\echo

SELECT CASE grouping(f.channel) WHEN 0 THEN f.channel ELSE 'all' END AS channel,
       CASE grouping(f.channel) WHEN 0 THEN max(influenced) END AS "part in",
       to_char(sum(amount) FILTER (WHERE m = 'first'),      '99,999,999') AS first,
       to_char(sum(amount) FILTER (WHERE m = 'last'),       '99,999,999') AS last,
       to_char(sum(amount) FILTER (WHERE m = 'linear'),     '99,999,999') AS linear,
       to_char(sum(amount) FILTER (WHERE m = 'w_shaped'),   '99,999,999') AS w_shaped,
       to_char(sum(amount) FILTER (WHERE m = 'time_decay'), '99,999,999') AS time_decay,
       to_char(sum(amount) FILTER (WHERE m = 'shapley'),    '99,999,999') AS shapley,
       to_char(sum(amount) FILTER (WHERE m = 'markov'),     '99,999,999') AS markov
  FROM crm.everybody, unnest('{first,last,linear,w_shaped,time_decay,shapley,markov}'::text[]) AS m,
       funnel.attribution(c, 'won', m, milestones => '{mql,opportunity}', half_life => '30 days',
                          as_of => '2026-07-01') AS f
 GROUP BY ROLLUP (f.channel) ORDER BY grouping(f.channel), sum(amount) FILTER (WHERE m = 'linear') DESC;

\echo '  Every model splits the same dollars, those of question 1, to the cent; they differ in who gets them. By'
\echo '  the first touch partners and referrals earn 58 %, by the last touch meetings and calls earn 95 %. "part in"'
\echo '  counts whole deals, each once for every channel that had a touch in it: it does not add up. markov also'
\echo '  looks at leads that have not bought. It gives paid search 2.2 million, twice what the 63 deals with a'
\echo '  touch of it are worth: with a memory of one touch it forgets how a path began. When to use which model:'
\echo '  doc/attribution.md.'

\echo
\echo '=== 18. Marketing or sales: who brought the deals? ================================================='
\echo

SELECT team, sourced, to_char(sourced_amount, '99,999,999') AS "sourced, USD", round(100 * sourced_share) AS "%",
       influenced AS "part in", to_char(influenced_amount, '99,999,999') AS "part in, USD",
       assisted AS "other team helped"
  FROM crm.everybody,
       funnel.sourced(c, 'won', marketing => '{website,paid search,webinar,event,newsletter,content,retargeting}',
                      sales => '{sales email,sales call,meeting}', as_of => '2026-07-01');

\echo '  Who touched a deal first has sourced it. Marketing sourced 45 % of the deals and 29 % of the money, and'
\echo '  had a part in 905 of 1,129; sales had a part in all of them. Both are true, and they cannot be added up.'
\echo '  Partners and referrals belong to neither team: 47 % of the deals, 58 % of the money.'

\echo
\echo '=== 19. Who earned deal 8997? ======================================================================'
\echo

SELECT f.position AS n, f.channel, f.touched_at::date AS touched,
       to_char(max(credited_amount) FILTER (WHERE m = 'first'),      '99,990.99') AS first,
       to_char(max(credited_amount) FILTER (WHERE m = 'last'),       '99,990.99') AS last,
       to_char(max(credited_amount) FILTER (WHERE m = 'linear'),     '99,990.99') AS linear,
       to_char(max(credited_amount) FILTER (WHERE m = 'w_shaped'),   '99,990.99') AS w_shaped,
       to_char(max(credited_amount) FILTER (WHERE m = 'full_path'),  '99,990.99') AS full_path,
       to_char(max(credited_amount) FILTER (WHERE m = 'time_decay'), '99,990.99') AS time_decay
  FROM crm.everybody, unnest('{first,last,linear,w_shaped,full_path,time_decay}'::text[]) AS m,
       funnel.credits(c, 'won', m, milestones => '{mql,opportunity}', half_life => '30 days',
                      as_of => '2026-07-01') AS f
 WHERE f.ref = '8997'
 GROUP BY f.position, f.channel, f.touched_at ORDER BY n;

\echo '  The won deal of question 14, touch by touch; each column sums to its 21,559.11 dollars. Between touches 7'
\echo '  and 8 lie nine months. The newsletter came just before the lead was an MQL again, the meeting of September'
\echo '  just before the opportunity: these are the milestones of w_shaped and full_path. With a half-life of 30'
\echo '  days time_decay leaves 16 dollars for the first pass.'

\echo
\echo '=== 20. What have sales and marketing agreed on? ==================================================='
\echo

BEGIN;
\o /dev/null
SELECT funnel.create_pipeline_from('leads', 'b2b_waterfall');
\o
INSERT INTO funnel.transition (pipeline, from_stage, to_stage)
VALUES ('leads', 'inquiry', 'sql'),         -- a partner's lead comes qualified
       ('leads', 'recycled', 'inquiry'),    -- some come back with a new inquiry,
       ('leads', 'won', 'opportunity')      -- and customers buy again
;
UPDATE funnel.transition SET requires = '{campaign_id}'    -- no new lead without a campaign
 WHERE pipeline = 'leads' AND from_stage IS NULL;
COMMIT;
\echo
SELECT stage, owner, sla, requires, (SELECT string_agg(to_stage, ', ') FROM funnel.allowed('leads', stage)) AS "can go to"
  FROM funnel.stage WHERE pipeline = 'leads' ORDER BY position;

SELECT * FROM funnel.check_pipeline('leads');

\echo '  A pipeline is rows in funnel.stage and funnel.transition, here from a template, with what is special'
\echo '  to this company. Both teams can read it, and each change of it is kept as a version. The check finds'
\echo '  nothing wrong with it.'

\echo
\echo '=== 21. Has the CRM kept to it so far? ============================================================='
\echo

SELECT f.* FROM crm.everybody, funnel.conformance(c, 'leads', as_of => '2026-07-01') AS f;

\echo '  What is in the imported data that the pipeline forbids, and a lead to look at. 763 times an MQL'
\echo '  became an SQL that nobody had accepted: the hand-off was skipped. 60 deals were won that nobody had'
\echo '  seen coming as an opportunity. The rest are leads with two deals, one won and one lost.'

\echo
\echo '=== 22. Who keeps to the times agreed on? =========================================================='
\echo

UPDATE funnel.stage AS s SET sla = v.sla
  FROM (VALUES ('sal', interval '10 days'), ('sql', '20 days'), ('opportunity', '60 days')) AS v (stage, sla)
 WHERE pipeline = 'leads' AND s.stage = v.stage;
\echo
SELECT e.stage, e.owner, e.sla, e.entries, e.met, e.breached, e.pending, round(100 * e.compliance) AS "kept %",
       w.breached AS "breached, working days", round(100 * w.compliance) AS "kept %"
  FROM crm.everybody,
       funnel.sla_report(c, 'leads', as_of => '2026-07-01') AS e
  JOIN funnel.sla_report((SELECT c FROM crm.everybody), 'leads', as_of => '2026-07-01', calendar => 'business_week') AS w
       USING (stage)
 ORDER BY e.stage::funnel.lead_stage;

\echo '  How often leads left a stage in time, had these times always been agreed on. At the right the same SLAs'
\echo '  in working days, Monday to Friday from 9 to 17 UTC: a lead of Friday evening is not late on Monday, and'
\echo '  10 days are two weeks. At least two in three MQLs wait longer than 2 days, whichever way one counts.'
\echo
\echo '=== 23. Whom to call on Monday? ===================================================================='
\echo

SELECT f.lead, f.stage, round(f.days::numeric) AS "working days", f.allowed_days AS allowed,
       f.owner AS team, l.owner AS desk, l.source
  FROM crm.everybody, funnel.stale(c, 'leads', as_of => '2026-07-01', calendar => 'business_week') AS f
  JOIN crm.leads AS l ON l.id = f.lead::bigint
 ORDER BY f.days DESC, l.id LIMIT 10;

SELECT f.stage, count(*) AS "over their SLA", count(*) FILTER (WHERE l.owner = 'France') AS "of these France"
  FROM crm.everybody, funnel.stale(c, 'leads', as_of => '2026-07-01', calendar => 'business_week') AS f
  JOIN crm.leads AS l ON l.id = f.lead::bigint
 GROUP BY f.stage ORDER BY f.stage::funnel.lead_stage;

\echo '  The open leads over their SLA, the longest first, with who answers for them. The first ten have waited'
\echo '  for two years of working days: they are to be closed, not called. Add WHERE f.days < 20 for the calls.'
\echo
\echo '=== 24. How is it kept to from now on? ============================================================='
\echo

CREATE ROLE demo_sync;
CREATE ROLE demo_arbiter IN ROLE funnel_arbiter;
GRANT USAGE ON SCHEMA crm TO demo_sync, demo_arbiter;
GRANT SELECT, INSERT, UPDATE ON crm.leads TO demo_sync, demo_arbiter;
\echo
SELECT funnel.attach('crm.leads', 'leads', at => 'updated_at', actor => 'updated_by',
                     reason => 'reason', amount => 'amount', keep => '{owner}') AS history;

SELECT funnel.import_history('crm.leads', 'crm.lead_history', lead => 'lead_id', at => 'changed_at',
                             actor => 'changed_by', reason => 'reason', amount => 'amount') AS "imported rows";

\echo '  From now on crm.leads is guarded, and every change of stage goes into crm.leads_history. What the CRM'
\echo '  wrote down before is in it as well; rows that repeat a stage are left out. demo_sync writes what the'
\echo '  CRM sends, demo_arbiter is the judge.'

\echo
\echo '=== 25. What does the guard refuse? ================================================================'
\echo

SET ROLE demo_sync;
\set ON_ERROR_STOP off
\echo
UPDATE crm.leads SET stage = 'opportunity', updated_at = '2026-07-01 09:00', updated_by = 'France' WHERE id = 149127;
\echo
UPDATE crm.leads SET stage = 'disqualified', updated_at = '2026-07-01 09:10', updated_by = 'Americas 2' WHERE id = 149815;
\echo
INSERT INTO crm.leads (id, account_id, source, country, owner, created_at, stage, updated_at)
VALUES (150001, 17, 'webinar', 'GB', 'UK', '2026-07-01 09:20', 'inquiry', '2026-07-01 09:20');
\echo
SELECT funnel.override('the quarter ends');
\set ON_ERROR_STOP on
\echo
UPDATE crm.leads SET stage = 'sal', updated_at = '2026-07-01 09:30', updated_by = 'France' WHERE id = 149127;
UPDATE crm.leads SET stage = 'disqualified', reason = 'no need', updated_at = '2026-07-01 09:40', updated_by = 'Americas 2'
 WHERE id = 149815;
RESET ROLE;
\echo
\echo '  A stage may not be skipped, a reason not be left out, a campaign not be forgotten; and who is no'
\echo '  arbiter cannot rule otherwise. The last two changes are as agreed, and pass.'

\echo
\echo '=== 26. And when the rule is wrong for once? ======================================================='
\echo

SET ROLE demo_arbiter;
BEGIN;
\o /dev/null
SELECT funnel.override('no duplicate: another company of that name');
\o
UPDATE crm.leads SET stage = 'mql', reason = NULL, updated_at = '2026-07-01 10:00', updated_by = 'Americas 2'
 WHERE id = 149615;
COMMIT;
RESET ROLE;
\echo
SELECT lead, from_stage, to_stage, to_char(at, 'MM-DD HH24:MI') AS at, changed_by, reason, override, override_by
  FROM crm.leads_history WHERE at >= '2026-07-01' ORDER BY at;

\echo '  An arbiter lets it pass, until the end of the transaction, and says why. It stays on record: nobody'
\echo '  but the owner of the table can write to its history, not even those who write the leads.'

\echo
\echo '=== 27. What can come next? ========================================================================'
\echo

SELECT l.id AS lead, l.stage, a.to_stage, a.requires
  FROM crm.leads AS l, funnel.allowed('leads', l.stage::text) AS a WHERE l.id = 149127;

\echo '  An application asks before it offers a choice, an ETL job before it writes.'

\echo
\echo '=== 28. Is the history good for the questions above? ==============================================='
\echo

SELECT stage, leads, round(100 * from_previous) AS "% of previous", round(median_days::numeric, 1) AS "median days"
  FROM (SELECT funnel.cohort(lead, to_stage, at, amount) AS c FROM crm.leads_history) AS h,
       funnel.steps(c, '{inquiry,mql,sal,sql,opportunity,won}', within => '180 days', as_of => '2026-07-01');

SELECT s.stage, s.entered_at, s.left_at, round(s.days::numeric, 1) AS days, h.changed_by, h.reason, h.override
  FROM (SELECT funnel.cohort(lead, to_stage, at, amount) AS c FROM crm.leads_history WHERE lead = 149615) AS one,
       funnel.stays(c, as_of => '2026-07-02') AS s
  JOIN crm.leads_history AS h ON h.lead = s.lead::bigint AND h.at = s.entered_at ORDER BY s.entered_at;

\echo '  It is a cohort as it stands, and the answer is that of question 3. From now on it is kept by the'
\echo '  database, not by whoever exports the CRM.'

\echo
\set ECHO none
DROP OWNED BY demo_sync, demo_arbiter;
DROP ROLE demo_sync, demo_arbiter;
\set ECHO queries

\echo
\echo '=== 29. Where is the baton dropped? ================================================================'
\echo

SELECT stage, from_owner || ' to ' || to_owner AS "from, to", offered, accepted, rejected, no_response,
       round(p50_days::numeric, 1) AS "median days", round(p90_days::numeric, 1) AS "p90 days", handed_back
  FROM crm.everybody, funnel.handoffs(c, 'leads', as_of => '2026-07-01');

SELECT b.stage, leads, leads_lost AS lost, amount_lost, round(days_added::numeric, 1) AS "days added",
       round(100 * mature_rate) AS "rate, %", to_char(lower(best_quarter), 'YYYY "Q"Q') AS "best quarter",
       round(100 * best_rate) AS "its rate, %", round(more_won) AS "would win", round(more_amount) AS "worth"
  FROM crm.everybody, funnel.bottleneck(c, 'leads', as_of => '2026-07-01') AS b;

\echo '  Of 21,500 times that marketing offered a lead, sales took 57 %, and 3,706 still wait beyond the SLA. Every'
\echo '  step has had a better quarter; the best one for MQLs is the one with the lowered score, whose MQLs sales'
\echo '  did not want (question 7): more of a step is not more of the next. The price change shows in the last step.'

\echo
\echo '=== 30. What will the open leads bring, and how many more does it take? ============================'
\echo

INSERT INTO funnel.target (pipeline, kpi, period, value, stage)
VALUES ('leads', 'revenue',    '[2026-04-01,2026-07-01)', 10000000, NULL),
       ('leads', 'revenue',    '[2026-07-01,2026-10-01)', 10000000, NULL),
       ('leads', 'conversion', '[2026-01-01,2027-01-01)', 0.6, 'mql > sal'),
       ('leads', 'accept_rate', '[2026-01-01,2027-01-01)', 0.7, NULL),
       ('leads', 'stale_leads', '[2026-01-01,2027-01-01)', 25, NULL);
\echo
SELECT coalesce(f.stage, 'all') AS stage, leads, round(open) AS "open, USD", round(expected) AS expected, round(low) AS low,
       round(high) AS high, target, round(100 * coverage) AS "coverage, %"
  FROM crm.everybody, funnel.forecast(c, 'leads', '3 months', as_of => '2026-07-01') AS f
 WHERE unit = 'amount';

SELECT stage, round(100 * rate::numeric, 1) AS "won, %", round(days) AS days, needed_by::date, leads_expected, leads_needed
  FROM crm.everybody, funnel.required_leads(c, '{mql,sal,sql,opportunity,won}', 150, due => '2027-01-01', as_of => '2026-07-01');

\echo '  What is expected comes from what became of earlier leads in the same stage at the same age, with an interval'
\echo '  of 90 %. The number needed suffices in nine of ten cases; by when they must be there is the other half of it.'

\echo
\echo '=== 31. One screen both teams believe =============================================================='
\echo

SELECT kpi, s.stage, owner, round(value::numeric, 2) AS value, unit, round(low::numeric, 2) AS low, round(high::numeric, 2) AS high,
       target, status
  FROM crm.everybody, funnel.scorecard(c, 'leads', within => '180 days', period => '[2026-04-01,2026-07-01)', as_of => '2026-07-01') AS s
 WHERE kpi NOT IN ('conversion_amount', 'step_p90_days', 'revenue_per_stage');

\echo '  Each figure is a question of this tour, of which both teams have the definition and can see the rows behind.'

\set ECHO none
\if :{?svg}
SELECT funnel.chart(c, '{inquiry,mql,sal,sql,opportunity,won}', within => '180 days', as_of => '2026-07-01', format => 'svg',
                    title => 'From inquiry to won, within 180 days')
  FROM crm.everybody \g (format=unaligned tuples_only=on) :svg
\echo '  The funnel as a picture, for a browser:' :svg
\echo
\endif
