{{ config(warn_if='> 0.001 * sum(total)', error_if='> 0.01 * sum(total)') }}

-- events that reached their gateway too late for the facts
select count(*) as total, count_if(is_too_late) as failing
from {{ ref('stg_iot_events') }}
where gateway_ts > (select measured_from from {{ ref('measured_days') }})
