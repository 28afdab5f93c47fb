select
  {{ text('alert_id') }} as alert_id,
  {{ text('device_id') }} as device_id,
  {{ text('threshold_id') }} as threshold_id,
  {{ text('metric') }} as metric,
  {{ text('severity') }} as severity,
  try_cast(observed_value as decimal(10, 3)) as observed_value,
  try_cast(raised_at as timestamp) as raised_at,
  try_cast(acknowledged_at as timestamp) as acknowledged_at,
  try_cast(resolved_at as timestamp) as resolved_at,
  {{ text('status') }} as status,
  seq as cdc_seq,
  ts as cdc_ts
from ({{ latest_changes('alerts', 'alert_id') }})
