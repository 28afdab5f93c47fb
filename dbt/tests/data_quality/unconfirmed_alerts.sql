{{ config(warn_if='> 0.05 * sum(total)', error_if='> 0.20 * sum(total)') }}

-- alerts that no breach explains
select count(*) as total, count_if(match_status = 'unconfirmed') as failing
from {{ ref('fct_alerts') }}
where raised_at > (select measured_from from {{ ref('measured_days') }})
