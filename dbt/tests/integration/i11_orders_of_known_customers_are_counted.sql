-- customers have the orders of the facts, as far as their customer is known
select *
from (select sum(order_count) as orders from {{ ref('dim_customers') }}) as customers
cross join (
  select count(*) as orders
  from {{ ref('fct_orders') }} as orders
  join {{ ref('stg_customers') }} as customer on orders.customer_id = customer.customer_id
) as facts
where coalesce(customers.orders, 0) <> facts.orders
-- depends_on: {{ ref('measured_days') }}
