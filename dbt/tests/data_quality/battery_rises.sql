{{ config(severity='warn', warn_if='> 0.01 * sum(total)') }}

-- readings of a battery above the one before, though not by as much as a new battery
select count(*) as total, coalesce(count_if(rise > 0 and rise <= 5), 0) as failing
from (
  select battery_pct - lag(battery_pct) over (partition by device_id order by effective_ts, event_id) as rise
  from {{ ref('fct_iot_events') }}
  where gateway_ts > (select measured_from from {{ ref('measured_days') }})
    and battery_pct is not null
)
