-- staged events are facts, or too late for them
select *
from (
  select count(*) as events, count_if(is_too_late) as too_late from {{ ref('stg_iot_events') }}
) as staged
cross join (select count(*) as events from {{ ref('fct_iot_events') }}) as facts
where staged.events <> facts.events + staged.too_late
-- depends_on: {{ ref('measured_days') }}
