-- What is measured in section attribution: raw rows to credit by channel, and
-- plain SQL for the same models. The header of postgres.sql says how to read
-- this. Tables: data_attribution.sql. Answers: conversions and revenue of the
-- first channels by name, of the 100 there are.

-- name: floor_touches
-- sections: attribution
-- title: bare scan of both tables: count(lead), max(at), max(channel or stage)
SELECT t.*, d.* FROM (SELECT count(lead), max(at), max(channel) FROM touches) AS t,
       (SELECT count(lead), max(at), max(stage), max(amount) FROM deals) AS d;

-- name: floor_both
-- sections: attribution
-- title: bare scan of the table with both
SELECT count(lead), max(kind), max(label), max(at), max(amount) FROM deals_and_touches;

-- name: attribution_linear
-- sections: attribution
-- title: funnel.attribution, linear
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT funnel.touches(lead, channel, at) AS t FROM touches) AS x,
       (SELECT funnel.cohort(lead, stage, at, amount) AS s FROM deals) AS y,
       funnel.attribution(funnel.merge(t, s), 'won', 'linear', as_of => '2025-01-02 00:00+00');

-- name: attribution_w_shaped
-- sections: attribution
-- title: funnel.attribution, w_shaped
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT funnel.touches(lead, channel, at) AS t FROM touches) AS x,
       (SELECT funnel.cohort(lead, stage, at, amount) AS s FROM deals) AS y,
       funnel.attribution(funnel.merge(t, s), 'won', 'w_shaped', '{mql,sql}', as_of => '2025-01-02 00:00+00');

-- name: attribution_time_decay
-- sections: attribution
-- title: funnel.attribution, time_decay
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT funnel.touches(lead, channel, at) AS t FROM touches) AS x,
       (SELECT funnel.cohort(lead, stage, at, amount) AS s FROM deals) AS y,
       funnel.attribution(funnel.merge(t, s), 'won', 'time_decay', as_of => '2025-01-02 00:00+00');

-- name: attribution_shapley
-- sections: attribution
-- title: funnel.attribution, shapley
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT funnel.touches(lead, channel, at) AS t FROM touches) AS x,
       (SELECT funnel.cohort(lead, stage, at, amount) AS s FROM deals) AS y,
       funnel.attribution(funnel.merge(t, s), 'won', 'shapley', as_of => '2025-01-02 00:00+00');

-- name: attribution_markov
-- sections: attribution
-- title: funnel.attribution, markov
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT funnel.touches(lead, channel, at) AS t FROM touches) AS x,
       (SELECT funnel.cohort(lead, stage, at, amount) AS s FROM deals) AS y,
       funnel.attribution(funnel.merge(t, s), 'won', 'markov', as_of => '2025-01-02 00:00+00');

-- name: attribution_both
-- sections: attribution
-- title: funnel.attribution, linear, from the table with both
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT funnel.touches(lead, label, at) FILTER (WHERE kind = 'touch') AS t,
               funnel.cohort(lead, label, at, amount) FILTER (WHERE kind = 'stage') AS s FROM deals_and_touches) AS x,
       funnel.attribution(funnel.merge(t, s), 'won', as_of => '2025-01-02 00:00+00');

-- name: attribution_won
-- sections: attribution
-- title: funnel.attribution, linear, touches of leads with a deal only
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT funnel.touches(lead, channel, at) AS t FROM touches
         WHERE lead IN (SELECT lead FROM deals WHERE stage = 'won')) AS x,
       (SELECT funnel.cohort(lead, stage, at, amount) AS s FROM deals) AS y,
       funnel.attribution(funnel.merge(t, s), 'won', as_of => '2025-01-02 00:00+00');

-- name: linear_join
-- sections: attribution
-- title: plain SQL, linear: join with the won deals, then a window
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT channel, sum(1.0::float8 / n) AS conversions, sum(amount / n) AS amount
          FROM (SELECT t.channel, d.amount, count(*) OVER (PARTITION BY lead) AS n
                  FROM touches AS t JOIN deals AS d USING (lead)
                 WHERE d.stage = 'won' AND t.at <= d.at) AS w
         GROUP BY channel) AS c;

-- name: decay_join
-- sections: attribution
-- title: plain SQL, time_decay: the same
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT channel, sum(weight / total) AS conversions, sum(amount::float8 * weight / total)::numeric AS amount
          FROM (SELECT channel, amount, weight, sum(weight) OVER (PARTITION BY lead) AS total
                  FROM (SELECT lead, channel, amount,
                               power(2, -extract(epoch FROM max(t.at) OVER (PARTITION BY lead) - t.at)::float8 / (7 * 86400)) AS weight
                          FROM touches AS t JOIN deals AS d USING (lead)
                         WHERE d.stage = 'won' AND t.at <= d.at) AS v) AS w
         GROUP BY channel) AS c;

-- name: w_join
-- sections: attribution
-- title: plain SQL, w_shaped: the same
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT channel, sum(weight / total) AS conversions, sum(amount::float8 * weight / total)::numeric AS amount
          FROM (SELECT channel, amount, weight, sum(weight) OVER (PARTITION BY lead) AS total
                  FROM (SELECT lead, channel, amount,
                               CASE WHEN n = 1 THEN 0.3 ELSE 0 END::float8 +
                               CASE WHEN n = mql_n THEN 0.3 ELSE 0 END + CASE WHEN n = sql_n THEN 0.3 ELSE 0 END +
                               CASE WHEN n > 1 AND n < greatest(mql_n, sql_n, 1) AND n <> least(mql_n, sql_n)
                                    THEN 0.1 / (greatest(mql_n, sql_n, 1) - 2 - CASE WHEN least(mql_n, sql_n) BETWEEN 2 AND greatest(mql_n, sql_n) - 1 THEN 1 ELSE 0 END)
                                    ELSE 0 END AS weight
                          FROM (SELECT lead, channel, amount, row_number() OVER w AS n,
                                       nullif(count(*) FILTER (WHERE t.at <= m.mql) OVER (PARTITION BY lead), 0) AS mql_n,
                                       nullif(count(*) FILTER (WHERE t.at <= m.sql) OVER (PARTITION BY lead), 0) AS sql_n
                                  FROM touches AS t
                                  JOIN (SELECT lead, max(at) FILTER (WHERE stage = 'mql') AS mql,
                                               max(at) FILTER (WHERE stage = 'sql') AS sql,
                                               max(at) FILTER (WHERE stage = 'won') AS won, max(amount) AS amount
                                          FROM deals GROUP BY lead) AS m USING (lead)
                                 WHERE t.at <= m.won
                                WINDOW w AS (PARTITION BY lead ORDER BY t.at, channel)) AS u) AS v) AS w
         GROUP BY channel) AS c;

-- name: linear_window
-- sections: attribution
-- title: plain SQL, linear: windows over the table with both
SELECT string_agg(format('%s %s %s', channel, round(conversions::numeric, 3), round(amount, 2)), ', ' ORDER BY channel) FILTER (WHERE channel <= 'channel 02')
  FROM (SELECT channel, sum(1.0::float8 / n) AS conversions, sum(amount / n) AS amount
          FROM (SELECT kind, label AS channel, won_amount AS amount, at, won,
                       count(*) FILTER (WHERE kind = 'touch' AND at <= won) OVER (PARTITION BY lead) AS n
                  FROM (SELECT *, max(at) FILTER (WHERE label = 'won') OVER (PARTITION BY lead) AS won,
                               max(amount) FILTER (WHERE label = 'won') OVER (PARTITION BY lead) AS won_amount
                          FROM deals_and_touches) AS e) AS w
         WHERE kind = 'touch' AND at <= won
         GROUP BY channel) AS c;
