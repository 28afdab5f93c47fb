-- alerts whose status and times contradict each other
select
  count(*) as total,
  count_if(
    not case status
      when 'open' then acknowledged_at is null and resolved_at is null
      when 'acknowledged' then acknowledged_at is not null and resolved_at is null
      when 'resolved' then resolved_at is not null
      else false
    end
  ) as failing
from {{ ref('stg_alerts') }}
where raised_at > (select measured_from from {{ ref('measured_days') }})
