{{ config(severity='warn') }}

-- events of known devices outside their days in service, which no daily row counts
select count(*) as total, count_if(day.device_id is null) as failing
from {{ ref('fct_iot_events') }} as event
join {{ ref('stg_devices') }} as device on event.device_id = device.device_id
left join {{ ref('agg_daily_device_metrics') }} as day
  on event.device_id = day.device_id and event.event_date = day.event_date
where gateway_ts > (select measured_from from {{ ref('measured_days') }})
