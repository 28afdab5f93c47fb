select
  {{ text('customer_id') }} as customer_id,
  {{ text('name') }} as customer_name,
  case when email like '%@%' then lower(trim(email)) end as email,
  {{ text('phone') }} as phone,
  {{ text('segment') }} as segment,
  upper({{ text('country') }}) as country,
  {{ text('city') }} as city,
  try_cast(created_at as timestamp) as created_at,
  {{ text('status') }} as status,
  seq as cdc_seq,
  ts as cdc_ts
from ({{ latest_changes('customers', 'customer_id') }})
