{{ config(warn_if='> 0.03 * sum(total)', error_if='> 0.15 * sum(total)') }}

-- numbers that are missing between the first and the last event of a device's boot
select coalesce(sum(span), 0) as total, coalesce(sum(span - present), 0) as failing
from (
  select max(seq) - min(seq) + 1 as span, count(distinct seq) as present
  from {{ ref('stg_iot_events') }}
  where gateway_ts > (select measured_from from {{ ref('measured_days') }})
  group by device_id, boot_id
)
