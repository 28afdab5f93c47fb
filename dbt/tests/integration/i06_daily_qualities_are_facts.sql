-- so are usable, bad and late events in service
select *
from (
  select
    coalesce(sum(usable_count), 0) as usable,
    coalesce(sum(bad_count), 0) as bad,
    coalesce(sum(late_count), 0) as late
  from {{ ref('agg_daily_device_metrics') }}
) as daily
cross join (
  select
    count_if(event.is_usable) as usable,
    count_if(event.quality = 'bad') as bad,
    count_if(event.is_late) as late
  from {{ ref('fct_iot_events') }} as event
  join {{ ref('stg_devices') }} as device on event.device_id = device.device_id
  where event.event_date between cast(device.installed_at as date)
    and cast(least(device.decommissioned_at, {{ as_of_ts() }}) as date)
    and device.installed_at <= least(device.decommissioned_at, {{ as_of_ts() }})
    and event.effective_ts >= device.installed_at
    and coalesce(event.effective_ts < device.decommissioned_at, true)
) as facts
where daily.usable <> facts.usable or daily.bad <> facts.bad or daily.late <> facts.late
-- depends_on: {{ ref('measured_days') }}
