-- What is measured in section stages: the functions over stays, straight from
-- rows and of the stored cohort, and plain SQL with window functions that gives
-- the same. The header of postgres.sql says how to read this. An answer shows
-- all rows and columns that the query gives; only where there is a row per
-- duration or per lead it shows their number and a sum. Working time is the
-- calendar that comes with the extension.

-- name: stages
-- sections: stages
-- title: funnel.stages, from rows
SELECT string_agg(concat_ws(' ', stage, leads, entries, current, round(mean_days::numeric, 4), round(median_days::numeric, 4), round(p90_days::numeric, 4),
                            round(mean_age_days::numeric, 4), round(median_age_days::numeric, 4), round(p90_age_days::numeric, 4), round(oldest_days::numeric, 4)), ', ' ORDER BY stage)
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events) AS h,
       funnel.stages(c, as_of => '2025-01-01 00:00+00');

-- name: stages_stored
-- sections: stages
-- title: funnel.stages, stored cohort
SELECT string_agg(concat_ws(' ', stage, leads, entries, current, round(mean_days::numeric, 4), round(median_days::numeric, 4), round(p90_days::numeric, 4),
                            round(mean_age_days::numeric, 4), round(median_age_days::numeric, 4), round(p90_age_days::numeric, 4), round(oldest_days::numeric, 4)), ', ' ORDER BY stage)
  FROM stored,
       funnel.stages(c, as_of => '2025-01-01 00:00+00');

-- name: stages_calendar
-- sections: stages
-- title: funnel.stages in working time, from rows
SELECT string_agg(concat_ws(' ', stage, leads, entries, current, round(mean_days::numeric, 4), round(median_days::numeric, 4), round(p90_days::numeric, 4),
                            round(mean_age_days::numeric, 4), round(median_age_days::numeric, 4), round(p90_age_days::numeric, 4), round(oldest_days::numeric, 4)), ', ' ORDER BY stage)
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events) AS h,
       funnel.stages(c, as_of => '2025-01-01 00:00+00', calendar => 'business_week');

-- name: stages_calendar_stored
-- sections: stages
-- title: funnel.stages in working time, stored cohort
SELECT string_agg(concat_ws(' ', stage, leads, entries, current, round(mean_days::numeric, 4), round(median_days::numeric, 4), round(p90_days::numeric, 4),
                            round(mean_age_days::numeric, 4), round(median_age_days::numeric, 4), round(p90_age_days::numeric, 4), round(oldest_days::numeric, 4)), ', ' ORDER BY stage)
  FROM stored,
       funnel.stages(c, as_of => '2025-01-01 00:00+00', calendar => 'business_week');

-- name: stages_window
-- sections: stages
-- title: plain SQL: lag, lead, percentile_cont: the answer of funnel.stages
SELECT string_agg(concat_ws(' ', stage, leads, entries, current, round(mean_days::numeric, 4), round(median_days::numeric, 4), round(p90_days::numeric, 4),
                            round(mean_age_days::numeric, 4), round(median_age_days::numeric, 4), round(p90_age_days::numeric, 4), round(oldest_days::numeric, 4)), ', ' ORDER BY stage)
  FROM (SELECT stage, count(DISTINCT lead) AS leads, count(*) AS entries, count(age) AS current,
               avg(days) AS mean_days, percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days,
               percentile_cont(0.9) WITHIN GROUP (ORDER BY days) AS p90_days,
               avg(age) AS mean_age_days, percentile_cont(0.5) WITHIN GROUP (ORDER BY age) AS median_age_days,
               percentile_cont(0.9) WITHIN GROUP (ORDER BY age) AS p90_age_days, max(age) AS oldest_days
          FROM (SELECT lead, stage, extract(epoch FROM lead(at) OVER w - at)::float8 / 86400 AS days,
                       CASE WHEN lead(at) OVER w IS NULL
                            THEN extract(epoch FROM timestamptz '2025-01-01 00:00+00' - at)::float8 / 86400 END AS age
                  FROM (SELECT lead, stage, at, lag(stage) OVER (PARTITION BY lead ORDER BY at) AS before
                          FROM events) AS e
                 WHERE before IS DISTINCT FROM stage
                WINDOW w AS (PARTITION BY lead ORDER BY at)) AS stay
         GROUP BY stage) AS s;

-- name: transitions
-- sections: stages
-- title: funnel.transitions, from rows
SELECT string_agg(concat_ws(' ', coalesce(from_stage, '-'), coalesce(to_stage, '-'), transitions, leads,
                            round(mean_days::numeric, 4), round(median_days::numeric, 4), round(p90_days::numeric, 4)), ', ' ORDER BY from_stage, to_stage)
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events) AS h,
       funnel.transitions(c, as_of => '2025-01-01 00:00+00');

-- name: transitions_stored
-- sections: stages
-- title: funnel.transitions, stored cohort
SELECT string_agg(concat_ws(' ', coalesce(from_stage, '-'), coalesce(to_stage, '-'), transitions, leads,
                            round(mean_days::numeric, 4), round(median_days::numeric, 4), round(p90_days::numeric, 4)), ', ' ORDER BY from_stage, to_stage)
  FROM stored,
       funnel.transitions(c, as_of => '2025-01-01 00:00+00');

-- name: transitions_window
-- sections: stages
-- title: plain SQL: lag, lead, percentile_cont: the answer of funnel.transitions
SELECT string_agg(concat_ws(' ', coalesce(from_stage, '-'), coalesce(to_stage, '-'), transitions, leads,
                            round(mean_days::numeric, 4), round(median_days::numeric, 4), round(p90_days::numeric, 4)), ', ' ORDER BY from_stage, to_stage)
  FROM (SELECT from_stage, to_stage, count(*) AS transitions, count(DISTINCT lead) AS leads, avg(days) AS mean_days,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days,
               percentile_cont(0.9) WITHIN GROUP (ORDER BY days) AS p90_days
          FROM (SELECT lead, move.*
                  FROM (SELECT lead, stage, row_number() OVER w AS n, lead(stage) OVER w AS next,
                               extract(epoch FROM lead(at) OVER w - at)::float8 / 86400 AS days
                          FROM (SELECT lead, stage, at, lag(stage) OVER (PARTITION BY lead ORDER BY at) AS before
                                  FROM events) AS e
                         WHERE before IS DISTINCT FROM stage
                        WINDOW w AS (PARTITION BY lead ORDER BY at)) AS stay,
                       LATERAL (SELECT stage AS from_stage, next AS to_stage, days
                                UNION ALL SELECT NULL, stage, NULL WHERE n = 1) AS move) AS m
         GROUP BY from_stage, to_stage) AS t;

-- name: variants
-- sections: stages
-- title: funnel.variants, 20 paths, from rows
SELECT string_agg(concat_ws(' ', path, leads, round(share::numeric, 4), round(median_days::numeric, 4)), ', ' ORDER BY leads DESC, path)
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events) AS h,
       funnel.variants(c, 20, as_of => '2025-01-01 00:00+00');

-- name: variants_stored
-- sections: stages
-- title: funnel.variants, 20 paths, stored cohort
SELECT string_agg(concat_ws(' ', path, leads, round(share::numeric, 4), round(median_days::numeric, 4)), ', ' ORDER BY leads DESC, path)
  FROM stored,
       funnel.variants(c, 20, as_of => '2025-01-01 00:00+00');

-- name: variants_window
-- sections: stages
-- title: plain SQL: lag, string_agg, percentile_cont: the answer of funnel.variants
SELECT string_agg(concat_ws(' ', path, leads, round(share::numeric, 4), round(median_days::numeric, 4)), ', ' ORDER BY leads DESC, path)
  FROM (SELECT path, count(*) AS leads, count(*) / sum(count(*)) OVER () AS share,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS median_days
          FROM (SELECT string_agg(stage, ' > ' ORDER BY at) AS path,
                       extract(epoch FROM max(at) - min(at))::float8 / 86400 AS days
                  FROM (SELECT lead, stage, at, lag(stage) OVER (PARTITION BY lead ORDER BY at) AS before
                          FROM events) AS e
                 WHERE before IS DISTINCT FROM stage
                 GROUP BY lead) AS p
         GROUP BY path
         ORDER BY leads DESC, path
         LIMIT 20) AS v;

-- name: outcomes
-- sections: stages
-- title: funnel.outcomes, inquiry to won: a row per duration, from rows
SELECT concat_ws(' ', count(*), sum(events), round(max(probability)::numeric, 4), round(sum(se)::numeric, 4))
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events) AS h,
       funnel.outcomes(c, 'inquiry', '{won}', as_of => '2025-01-01 00:00+00');

-- name: outcomes_stored
-- sections: stages
-- title: funnel.outcomes, inquiry to won: a row per duration, stored cohort
SELECT concat_ws(' ', count(*), sum(events), round(max(probability)::numeric, 4), round(sum(se)::numeric, 4))
  FROM stored,
       funnel.outcomes(c, 'inquiry', '{won}', as_of => '2025-01-01 00:00+00');

-- name: outcomes_mql
-- sections: stages
-- title: funnel.outcomes, inquiry to mql: a row per duration, from rows
SELECT concat_ws(' ', count(*), sum(events), round(max(probability)::numeric, 4), round(sum(se)::numeric, 4))
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events) AS h,
       funnel.outcomes(c, 'inquiry', '{mql}', as_of => '2025-01-01 00:00+00');

-- name: outcomes_mql_stored
-- sections: stages
-- title: funnel.outcomes, inquiry to mql: a row per duration, stored cohort
SELECT concat_ws(' ', count(*), sum(events), round(max(probability)::numeric, 4), round(sum(se)::numeric, 4))
  FROM stored,
       funnel.outcomes(c, 'inquiry', '{mql}', as_of => '2025-01-01 00:00+00');

-- name: outcomes_three
-- sections: stages
-- title: funnel.outcomes, mql to sal, sql or won: a row per duration, from rows
SELECT concat_ws(' ', count(*), sum(events), round(max(probability)::numeric, 4), round(sum(se)::numeric, 4))
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events) AS h,
       funnel.outcomes(c, 'mql', '{sal,sql,won}', as_of => '2025-01-01 00:00+00');

-- name: outcomes_three_stored
-- sections: stages
-- title: funnel.outcomes, mql to sal, sql or won: a row per duration, stored cohort
SELECT concat_ws(' ', count(*), sum(events), round(max(probability)::numeric, 4), round(sum(se)::numeric, 4))
  FROM stored,
       funnel.outcomes(c, 'mql', '{sal,sql,won}', as_of => '2025-01-01 00:00+00');

-- name: aging_stored
-- sections: stages
-- title: funnel.aging, stored cohort
SELECT string_agg(concat_ws(' ', stage, bucket, leads), ', ' ORDER BY stage, bucket)
  FROM stored,
       funnel.aging(c, as_of => '2025-01-01 00:00+00');

-- name: sla_stored
-- sections: stages
-- title: funnel.sla of mql, 5 days, stored cohort
SELECT concat_ws(' ', entries, met, breached, pending, round(compliance::numeric, 4))
  FROM stored,
       funnel.sla(c, 'mql', '5 days', as_of => '2025-01-01 00:00+00');

-- name: sla_calendar_stored
-- sections: stages
-- title: funnel.sla of mql, 5 working days, stored cohort
SELECT concat_ws(' ', entries, met, breached, pending, round(compliance::numeric, 4))
  FROM stored,
       funnel.sla(c, 'mql', '5 days', as_of => '2025-01-01 00:00+00', calendar => 'business_week');

-- name: report_stored
-- sections: stages
-- title: funnel.sla_report, stored cohort
SELECT string_agg(concat_ws(' ', stage, entries, met, breached, pending), ', ' ORDER BY stage)
  FROM stored,
       funnel.sla_report(c, 'bench', '2025-01-01 00:00+00');

-- name: report_calendar_stored
-- sections: stages
-- title: funnel.sla_report in working time, stored cohort
SELECT string_agg(concat_ws(' ', stage, entries, met, breached, pending), ', ' ORDER BY stage)
  FROM stored,
       funnel.sla_report(c, 'bench', '2025-01-01 00:00+00', 'business_week');

-- name: stale_stored
-- sections: stages
-- title: funnel.stale: a row per lead, stored cohort
SELECT concat_ws(' ', count(*), round(sum(over_days)::numeric, 4))
  FROM stored,
       funnel.stale(c, 'bench', '2025-01-01 00:00+00');

-- name: stale_calendar_stored
-- sections: stages
-- title: funnel.stale in working time: a row per lead, stored cohort
SELECT concat_ws(' ', count(*), round(sum(over_days)::numeric, 4))
  FROM stored,
       funnel.stale(c, 'bench', '2025-01-01 00:00+00', 'business_week');

-- name: velocity_stored
-- sections: stages
-- title: funnel.velocity, mql to won, stored cohort
SELECT round(funnel.velocity(c, 'mql', 'won', as_of => '2025-01-01 00:00+00')::numeric, 4) FROM stored;

-- name: velocity_calendar_stored
-- sections: stages
-- title: funnel.velocity in working time, stored cohort
SELECT round(funnel.velocity(c, 'mql', 'won', as_of => '2025-01-01 00:00+00', calendar => 'business_week')::numeric, 4) FROM stored;

-- name: steps_stored
-- sections: stages
-- title: funnel.steps, for comparison, stored cohort
SELECT string_agg(leads::text, ' ' ORDER BY step)
  FROM stored,
       funnel.steps(c, '{inquiry,mql,sal,sql,won}', as_of => '2025-01-01 00:00+00');
