{{ config(warn_if='> 0.05 * sum(total)', error_if='> 0.25 * sum(total)') }}

-- active devices that are silent at as_of_ts
select count(*) as total, count_if(is_silent) as failing
from {{ ref('dim_devices') }}
cross join {{ ref('measured_days') }}
where status = 'active'
