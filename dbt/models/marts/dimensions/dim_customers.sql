with orders as (
  select
    customer_id,
    count(*) as order_count,
    sum(recognised_revenue) filter (where currency = '{{ var('reporting_currency') }}') as lifetime_revenue,
    min(ordered_at) as first_order_at,
    max(ordered_at) as last_order_at
  from {{ ref('fct_orders') }}
  group by customer_id
),

devices as (
  select
    customer_id,
    count_if(status = 'active') as active_device_count,
    sum(open_critical + open_warning + open_info) as open_alert_count,
    avg(health_score) as avg_device_health
  from {{ ref('dim_devices') }}
  group by customer_id
),

known as (
  select
    customer.customer_id,
    customer.customer_name,
    split_part(customer.email, '@', -1) as email_domain,
    customer.segment,
    customer.country,
    customer.city,
    customer.created_at,
    customer.status,
    customer.cdc_seq,
    customer.cdc_ts,
    coalesce(orders.order_count, 0) as order_count,
    coalesce(orders.lifetime_revenue, 0) as lifetime_revenue,
    orders.first_order_at,
    orders.last_order_at,
    coalesce(devices.active_device_count, 0) as active_device_count,
    coalesce(devices.open_alert_count, 0) as open_alert_count,
    cast(devices.avg_device_health as decimal(5, 2)) as avg_device_health
  from {{ ref('stg_customers') }} as customer
  left join orders on customer.customer_id = orders.customer_id
  left join devices on customer.customer_id = devices.customer_id
)

{{ with_unknown_row('known', 'customer_id') }}
