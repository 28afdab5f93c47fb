{{ config(error_if='> 0.001 * sum(total)') }}

-- events that came again with another content
select count(*) as total, count_if(contents > 1) as failing
from (
  select count(distinct record_hash) as contents
  from {{ source('bronze', 'bronze_iot_events') }}
  where gateway_ts > (select measured_from from {{ ref('measured_days') }})
  group by event_id
)
