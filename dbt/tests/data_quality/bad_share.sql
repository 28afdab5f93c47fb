{{ config(warn_if='> 0.05 * sum(total)', error_if='> 0.20 * sum(total)') }}

-- events of bad quality
select count(*) as total, count_if(quality = 'bad') as failing
from {{ ref('stg_iot_events') }}
where gateway_ts > (select measured_from from {{ ref('measured_days') }})
