{{ config(warn_if='> 0.10 * sum(total)', error_if='> 0.30 * sum(total)') }}

-- events that reached their gateway more than an hour late
select count(*) as total, count_if(is_late) as failing
from {{ ref('stg_iot_events') }}
where gateway_ts > (select measured_from from {{ ref('measured_days') }})
