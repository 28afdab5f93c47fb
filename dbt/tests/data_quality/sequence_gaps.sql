{{ config(warn_if='> 0.03 * sum(total)', error_if='> 0.15 * sum(total)') }}

-- numbers that are missing between the first and the last event of a known device's boot
select coalesce(sum(span), 0) as total, coalesce(sum(span - present), 0) as failing
from (
  select max(event.seq) - min(event.seq) + 1 as span, count(distinct event.seq) as present
  from {{ ref('stg_iot_events') }} as event
  join {{ ref('stg_devices') }} as device on event.device_id = device.device_id
  where event.gateway_ts > (select measured_from from {{ ref('measured_days') }})
  group by event.device_id, event.boot_id
)
