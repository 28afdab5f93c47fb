{{ config(warn_if='> 0.05 * sum(total)', error_if='> 0.20 * sum(total)') }}

-- events that came again
select count(*) as total, count(*) - count(distinct event_id) as failing
from {{ source('bronze', 'bronze_iot_events') }}
where gateway_ts > (select measured_from from {{ ref('measured_days') }})
