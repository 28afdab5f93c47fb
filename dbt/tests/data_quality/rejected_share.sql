{{ config(warn_if='> 0.005 * sum(total)', error_if='> 0.05 * sum(total)') }}

-- lines that broke a rule, in the files of these days: the line itself may have no time
select count(*) as total, coalesce(sum(is_rejected), 0) as failing
from (
  select source_modified_at, 0 as is_rejected from {{ source('bronze', 'bronze_iot_events') }}
  union all
  select source_modified_at, 1 as is_rejected from {{ source('bronze', 'bronze_iot_events_rejected') }}
)
where source_modified_at > (select measured_from from {{ ref('measured_days') }})
