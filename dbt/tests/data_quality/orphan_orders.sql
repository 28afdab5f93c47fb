{{ config(severity='warn') }}

-- orders of customers or products that are not known
select count(*) as total, count_if(customer.customer_id is null or product.product_id is null) as failing
from {{ ref('stg_orders') }} as orders
left join {{ ref('stg_customers') }} as customer on orders.customer_id = customer.customer_id
left join {{ ref('stg_products') }} as product on orders.product_id = product.product_id
where orders.ordered_at > (select measured_from from {{ ref('measured_days') }})
