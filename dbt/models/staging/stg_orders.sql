select
  {{ text('order_id') }} as order_id,
  {{ text('customer_id') }} as customer_id,
  {{ text('product_id') }} as product_id,
  try_cast(quantity as int) as quantity,
  try_cast(unit_price as decimal(12, 2)) as unit_price,
  coalesce(try_cast(discount_pct as decimal(5, 2)), 0) as discount_pct,
  {{ text('currency') }} as currency,
  try_cast(order_ts as timestamp) as ordered_at,
  cast(try_cast(order_ts as timestamp) as date) as order_date,
  {{ text('status') }} as status,
  seq as cdc_seq,
  ts as cdc_ts
from ({{ latest_changes('orders', 'order_id') }})
