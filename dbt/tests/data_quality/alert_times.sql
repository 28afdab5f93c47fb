-- alerts that were acknowledged before they were raised, or resolved before that
select
  count(*) as total,
  count_if(
    acknowledged_at < raised_at or resolved_at < raised_at or resolved_at < acknowledged_at
  ) as failing
from {{ ref('stg_alerts') }}
where raised_at > (select measured_from from {{ ref('measured_days') }})
