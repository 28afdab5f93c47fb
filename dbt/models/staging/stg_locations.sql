select
  {{ text('location_id') }} as location_id,
  {{ text('name') }} as location_name,
  {{ text('city') }} as city,
  {{ text('region') }} as region,
  upper({{ text('country') }}) as country,
  case when latitude between -90 and 90 then try_cast(latitude as decimal(9, 6)) end as latitude,
  case when longitude between -180 and 180 then try_cast(longitude as decimal(9, 6)) end as longitude,
  {{ text('timezone') }} as timezone,
  {{ text('site_type') }} as site_type,
  seq as cdc_seq,
  ts as cdc_ts
from ({{ latest_changes('locations', 'location_id') }})
