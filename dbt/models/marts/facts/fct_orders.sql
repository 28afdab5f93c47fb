with gross as (
  select *, try_cast(quantity * unit_price as decimal(12, 2)) as gross_amount
  from {{ ref('stg_orders') }}
),

discounted as (
  select *, cast(round(gross_amount * discount_pct / 100, 2) as decimal(12, 2)) as discount_amount
  from gross
),

net as (
  select *, cast(gross_amount - discount_amount as decimal(12, 2)) as net_amount
  from discounted
)

select
  order_id,
  customer_id,
  product_id,
  {{ date_key('order_date') }} as date_key,
  ordered_at,
  status,
  currency,
  quantity,
  unit_price,
  gross_amount,
  discount_amount,
  net_amount,
  {{ amount_when(['paid', 'shipped', 'delivered']) }} as recognised_revenue,
  {{ amount_when(['placed']) }} as open_amount,
  {{ amount_when(['cancelled']) }} as cancelled_amount,
  {{ amount_when(['returned']) }} as returned_amount
from net
