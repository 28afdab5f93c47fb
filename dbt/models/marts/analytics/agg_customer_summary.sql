{%- set hours_to_resolve = {'critical': 4, 'warning': 24, 'info': 72} %}

with as_of as (
  select {{ as_of_ts() }} as as_of_ts
),

slots as (
  select device_id, sum(received_slots) as received_slots, sum(expected_slots) as expected_slots
  from {{ ref('agg_daily_device_metrics') }}
  cross join as_of
  where {{ in_last_days(30, 'event_date') }}
  group by device_id
),

recent_alerts as (
  select
    *,
    raised_at + case severity
      {%- for severity, hours in hours_to_resolve.items() %}
      when '{{ severity }}' then interval {{ hours }} hours
      {%- endfor %}
    end as resolve_by
  from {{ ref('fct_alerts') }}
  cross join as_of
  where alert_id is not null and raised_at > as_of_ts - interval 90 days
),

alerts as (
  select
    device_id,
    count(*) as alert_count,
    count_if(resolved_at <= resolve_by) as in_time_count,
    count_if(resolved_at is not null or resolve_by < as_of_ts) as judged_count
  from recent_alerts
  group by device_id
),

devices as (
  select
    device.customer_id,
    count(*) as device_count,
    count_if(device.status = 'active') as active_device_count,
    avg(device.health_score) as mean_health,
    min(device.health_score) as worst_device_health,
    sum(device.open_critical) as open_critical,
    sum(device.open_warning) as open_warning,
    sum(device.open_info) as open_info,
    {{ percentage('sum(slots.received_slots)', 'sum(slots.expected_slots)') }} as uptime_pct,
    sum(alerts.alert_count) as alerts_90d,
    {{ percentage('sum(alerts.in_time_count)', 'sum(alerts.judged_count)') }} as in_sla_pct
  from {{ ref('dim_devices') }} as device
  left join slots on device.device_id = slots.device_id
  left join alerts on device.device_id = alerts.device_id
  group by device.customer_id
),

recent_orders as (
  select *, ordered_at > as_of_ts - interval 365 days as is_recent
  from {{ ref('fct_orders') }}
  cross join as_of
),

orders as (
  select
    customer_id,
    count(*) as order_count,
    count_if(is_recent) as order_count_365d,
    sum(recognised_revenue) filter (
      where is_recent and currency = '{{ var('reporting_currency') }}'
    ) as net_revenue_365d,
    max(ordered_at) as last_order_at,
    {{ percentage("count_if(is_recent and status = 'returned')", 'count_if(is_recent)') }} as return_rate
  from recent_orders
  group by customer_id
),

parts as (
  select
    customer.customer_id,
    customer.customer_name,
    customer.status,
    coalesce(devices.device_count, 0) as device_count,
    coalesce(devices.active_device_count, 0) as active_device_count,
    devices.mean_health as devices_part,
    devices.worst_device_health,
    devices.uptime_pct as uptime_part,
    coalesce(devices.alerts_90d, 0) as alerts_90d,
    coalesce(devices.open_critical, 0) as open_critical,
    coalesce(devices.open_warning, 0) as open_warning,
    coalesce(devices.open_info, 0) as open_info,
    coalesce(devices.in_sla_pct, 100) as response_part,
    coalesce(orders.order_count, 0) as order_count,
    coalesce(orders.net_revenue_365d, 0) as net_revenue_365d,
    orders.last_order_at,
    orders.return_rate,
    greatest(
      case
        when orders.last_order_at > as_of_ts - interval 90 days then 100
        when orders.last_order_at > as_of_ts - interval 180 days then 60
        when orders.last_order_at > as_of_ts - interval 365 days then 30
        when orders.last_order_at is not null then 0
      end - if(orders.order_count_365d >= 5 and orders.return_rate > 10, 30, 0),
      if(orders.order_count > 0, 0, null)
    ) as commerce_part
  from {{ ref('stg_customers') }} as customer
  cross join as_of
  left join devices on customer.customer_id = devices.customer_id
  left join orders on customer.customer_id = orders.customer_id
),

scored as (
  select
    *,
    cast(
      (
        coalesce(0.40 * devices_part, 0)
        + coalesce(0.20 * uptime_part, 0)
        + 0.20 * response_part
        + coalesce(0.20 * commerce_part, 0)
      ) / (
        if(devices_part is null, 0, 0.40)
        + if(uptime_part is null, 0, 0.20)
        + 0.20
        + if(commerce_part is null, 0, 0.20)
      ) as decimal(4, 1)
    ) as customer_score
  from parts
),

graded as (
  select
    *,
    case
      when customer_score >= 80 then 'A'
      when customer_score >= 60 then 'B'
      when customer_score >= 40 then 'C'
      else 'D'
    end as grade
  from scored
)

select
  customer_id,
  customer_name,
  device_count,
  active_device_count,
  cast(devices_part as decimal(5, 2)) as avg_device_health,
  worst_device_health,
  cast(uptime_part as decimal(5, 2)) as uptime_30d_pct,
  alerts_90d,
  open_critical,
  open_warning,
  open_info,
  cast(response_part as decimal(5, 2)) as alerts_in_sla_pct,
  order_count,
  net_revenue_365d,
  last_order_at,
  cast(return_rate as decimal(5, 2)) as return_rate_365d,
  customer_score,
  grade,
  status <> 'active' or grade = 'D' or coalesce(commerce_part = 0, false) as churn_risk
from graded
