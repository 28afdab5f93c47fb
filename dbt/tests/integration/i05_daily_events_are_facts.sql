-- each event of a known device, on a day in service, is counted in the row of its day
select *
from (
  select coalesce(sum(event_count + out_of_service_count), 0) as events
  from {{ ref('agg_daily_device_metrics') }}
) as daily
cross join (
  select count(*) as events
  from {{ ref('fct_iot_events') }} as event
  join {{ ref('stg_devices') }} as device on event.device_id = device.device_id
  where event.event_date between cast(device.installed_at as date)
    and cast(least(device.decommissioned_at, {{ as_of_ts() }}) as date)
    and device.installed_at <= least(device.decommissioned_at, {{ as_of_ts() }})
) as facts
where daily.events <> facts.events
-- depends_on: {{ ref('measured_days') }}
