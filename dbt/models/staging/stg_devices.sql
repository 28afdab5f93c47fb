select
  {{ text('device_id') }} as device_id,
  {{ text('customer_id') }} as customer_id,
  {{ text('product_id') }} as product_id,
  {{ text('location_id') }} as location_id,
  {{ text('serial_number') }} as serial_number,
  {{ text('firmware_version') }} as firmware_version,
  try_cast(installed_at as timestamp) as installed_at,
  try_cast(decommissioned_at as timestamp) as decommissioned_at,
  {{ text('status') }} as status,
  seq as cdc_seq,
  ts as cdc_ts
from ({{ latest_changes('devices', 'device_id') }})
