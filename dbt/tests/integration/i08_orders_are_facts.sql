-- facts have each order, and its money to the cent
select *
from (
  select
    count(*) as orders,
    coalesce(sum(quantity * unit_price - round(quantity * unit_price * discount_pct / 100, 2)), 0) as net
  from {{ ref('stg_orders') }}
) as staged
cross join (
  select count(*) as orders, coalesce(sum(net_amount), 0) as net from {{ ref('fct_orders') }}
) as facts
where staged.orders <> facts.orders or staged.net <> facts.net
-- depends_on: {{ ref('measured_days') }}
