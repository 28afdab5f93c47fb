{{ config(severity='warn') }}

-- thresholds of devices or products that are not known
select
  count(*) as total,
  count_if(
    threshold.device_id is not null and device.device_id is null
    or threshold.product_id is not null and product.product_id is null
  ) as failing
from {{ ref('stg_alert_thresholds') }} as threshold
cross join {{ ref('measured_days') }}
left join {{ ref('stg_devices') }} as device on threshold.device_id = device.device_id
left join {{ ref('stg_products') }} as product on threshold.product_id = product.product_id
