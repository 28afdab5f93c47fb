-- facts have each alert once and each breach once, matched or not
select *
from (select count(*) as alerts from {{ ref('stg_alerts') }}) as staged
cross join (
  select
    count(alert_id) as alerts,
    count(distinct breach_id) as breaches,
    count_if(match_status = 'matched') as matched,
    count_if(match_status = 'missed') as missed
  from {{ ref('fct_alerts') }}
) as facts
where staged.alerts <> facts.alerts or facts.matched + facts.missed <> facts.breaches
-- depends_on: {{ ref('measured_days') }}
