select
  {{ text('product_id') }} as product_id,
  {{ text('sku') }} as sku,
  {{ text('name') }} as product_name,
  {{ text('category') }} as category,
  try_cast(unit_price as decimal(12, 2)) as unit_price,
  {{ text('currency') }} as currency,
  case when report_interval_s >= 1 then report_interval_s else 300 end as report_interval_s,
  mains_powered,
  is_active,
  seq as cdc_seq,
  ts as cdc_ts
from ({{ latest_changes('products', 'product_id') }})
