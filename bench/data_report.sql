-- pipeline report: the stages of the data, with owners, so that there is a hand-off, and an SLA.
SELECT funnel.create_pipeline('report', '{inquiry,mql,sal,sql,won}');
UPDATE funnel.stage SET owner = CASE WHEN "position" <= 2 THEN 'marketing' ELSE 'sales' END WHERE pipeline = 'report';
UPDATE funnel.stage SET sla = '2 days' WHERE pipeline = 'report' AND stage = 'mql';
