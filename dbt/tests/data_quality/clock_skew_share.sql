{{ config(warn_if='> 0.02 * sum(total)', error_if='> 0.10 * sum(total)') }}

-- events of devices whose clock is ahead
select count(*) as total, count_if(clock_skewed) as failing
from {{ ref('stg_iot_events') }}
where gateway_ts > (select measured_from from {{ ref('measured_days') }})
