select
  {{ text('threshold_id') }} as threshold_id,
  {{ text('device_id') }} as device_id,
  {{ text('product_id') }} as product_id,
  {{ text('metric') }} as metric,
  {{ text('operator') }} as operator,
  try_cast(threshold_value as decimal(10, 3)) as threshold_value,
  {{ text('severity') }} as severity,
  coalesce(try_cast(min_duration_s as int), 0) as min_duration_s,
  try_cast(valid_from as timestamp) as valid_from,
  try_cast(valid_to as timestamp) as valid_to,
  is_enabled,
  seq as cdc_seq,
  ts as cdc_ts
from ({{ latest_changes('alert_thresholds', 'threshold_id') }})
