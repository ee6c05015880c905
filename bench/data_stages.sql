-- pipeline bench: the stages of the data, each with an SLA.
SELECT funnel.create_pipeline('bench', '{inquiry,mql,sal,sql,won}');
UPDATE funnel.stage SET sla = '5 days' WHERE pipeline = 'bench';
