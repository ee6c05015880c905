-- What is measured in section report: the scorecard, straight from rows and of
-- the stored cohort. The header of postgres.sql says how to read this.
-- EVENTS=2500000 are a million leads.

-- name: scorecard
-- sections: report
-- title: funnel.scorecard, from rows
SELECT concat_ws(' ', count(*), round(sum(value)::numeric, 4), sum(numerator), sum(denominator))
  FROM (SELECT funnel.cohort(lead, stage, at) AS c FROM events) AS h,
       funnel.scorecard(c, 'report', as_of => '2025-01-01 00:00+00');

-- name: scorecard_stored
-- sections: report
-- title: funnel.scorecard, stored cohort
SELECT concat_ws(' ', count(*), round(sum(value)::numeric, 4), sum(numerator), sum(denominator))
  FROM stored,
       funnel.scorecard(c, 'report', as_of => '2025-01-01 00:00+00');

-- name: scorecard_period
-- sections: report
-- title: funnel.scorecard of one quarter, 90 days, stored cohort
SELECT concat_ws(' ', count(*), round(sum(value)::numeric, 4), sum(numerator), sum(denominator))
  FROM stored,
       funnel.scorecard(c, 'report', '90 days', '[2024-04-01 00:00+00,2024-07-01 00:00+00)', '2025-01-01 00:00+00');

-- name: scorecard_by
-- sections: report
-- title: funnel.scorecard_by of twelve months, 90 days, stored cohort
SELECT concat_ws(' ', count(*), round(sum(value)::numeric, 4), sum(numerator), sum(denominator))
  FROM stored,
       funnel.scorecard_by(c, 'report', funnel.periods('month', '2024-01-01', '2025-01-01', 'UTC'), '90 days', '2025-01-01 00:00+00');

-- name: bottleneck_stored
-- sections: report
-- title: funnel.bottleneck, stored cohort
SELECT concat_ws(' ', count(*), sum(leads), sum(leads_lost), round(sum(days_added)::numeric, 4))
  FROM stored,
       funnel.bottleneck(c, 'report', '2025-01-01 00:00+00');
