{{ config(warn_if='> 0.02 * sum(total)', error_if='> 0.10 * sum(total)') }}

-- breaches that raised no alert
select count(*) as total, count_if(match_status = 'missed') as failing
from {{ ref('fct_alerts') }}
where first_violation_at > (select measured_from from {{ ref('measured_days') }})
