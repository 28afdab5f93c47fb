{{ config(warn_if='> 0.01 * sum(total)', error_if='> 0.10 * sum(total)') }}

-- events with a value of another type than its column
select count(*) as total, count_if(_rescued_data is not null) as failing
from {{ source('bronze', 'bronze_iot_events') }}
where gateway_ts > (select measured_from from {{ ref('measured_days') }})
