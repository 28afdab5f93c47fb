{{ config(warn_if='> 0.01 * sum(total)', error_if='> 0.05 * sum(total)') }}

-- events of devices that are not known
select count(*) as total, count_if(device.device_id is null) as failing
from {{ ref('stg_iot_events') }} as event
left join {{ ref('stg_devices') }} as device on event.device_id = device.device_id
where gateway_ts > (select measured_from from {{ ref('measured_days') }})
