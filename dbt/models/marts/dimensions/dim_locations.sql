with devices as (
  select
    location_id,
    count(*) as device_count,
    count_if(status = 'active') as active_device_count,
    avg(health_score) as avg_device_health
  from {{ ref('dim_devices') }}
  group by location_id
),

known as (
  select
    location.*,
    coalesce(devices.device_count, 0) as device_count,
    coalesce(devices.active_device_count, 0) as active_device_count,
    cast(devices.avg_device_health as decimal(5, 2)) as avg_device_health
  from {{ ref('stg_locations') }} as location
  left join devices on location.location_id = devices.location_id
)

{{ with_unknown_row('known', 'location_id') }}
