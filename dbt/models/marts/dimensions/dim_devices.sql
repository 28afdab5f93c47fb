with as_of as (
  select {{ as_of_ts() }} as as_of_ts
),

days as (
  select
    device_id,
    max(last_event_at) as last_event_at,
    max_by(battery_last, event_date) filter (where battery_last is not null) as last_battery_pct,
    sum(received_slots) filter (where {{ in_last_days(7, 'event_date') }}) as received_slots,
    sum(expected_slots) filter (where {{ in_last_days(7, 'event_date') }}) as expected_slots,
    coalesce(sum(event_count) filter (where {{ in_last_days(7, 'event_date') }}), 0) as event_count,
    sum(usable_count) filter (where {{ in_last_days(7, 'event_date') }}) as usable_count,
    avg(battery_drain) filter (where {{ in_last_days(14, 'event_date') }}) as daily_drain
  from {{ ref('agg_daily_device_metrics') }}
  cross join as_of
  group by device_id
),

alerts as (
  select
    device_id,
    count_if(severity = 'critical') as open_critical,
    count_if(severity = 'warning') as open_warning,
    count_if(severity = 'info') as open_info
  from {{ ref('fct_alerts') }}
  where status in ('open', 'acknowledged')
  group by device_id
),

devices as (
  select
    device.*,
    product.product_name,
    coalesce(product.report_interval_s, 300) as report_interval_s,
    coalesce(product.mains_powered, false) as mains_powered,
    as_of.as_of_ts,
    days.last_event_at,
    days.last_battery_pct,
    days.daily_drain,
    coalesce(days.event_count, 0) as event_count,
    {{ percentage('days.received_slots', 'days.expected_slots') }} as uptime_pct,
    {{ percentage('days.usable_count', 'days.event_count') }} as usable_pct,
    coalesce(alerts.open_critical, 0) as open_critical,
    coalesce(alerts.open_warning, 0) as open_warning,
    coalesce(alerts.open_info, 0) as open_info,
    coalesce(
      unix_micros(as_of.as_of_ts) - unix_micros(days.last_event_at)
        > 1000000L * greatest(86400, 10 * coalesce(product.report_interval_s, 300)),
      true
    ) as is_silent
  from {{ ref('stg_devices') }} as device
  cross join as_of
  left join {{ ref('stg_products') }} as product on device.product_id = product.product_id
  left join days on device.device_id = days.device_id
  left join alerts on device.device_id = alerts.device_id
),

weighted as (
  select
    *,
    0.30 * if(event_count = 0, 0, coalesce(uptime_pct, 0))
      + 0.25 * case
        when event_count = 0 then 0
        when mains_powered then 100
        else least(100, 2 * coalesce(last_battery_pct, 0))
      end
      + 0.20 * coalesce(usable_pct, 0)
      + 0.25 * greatest(0, 100 - 40 * open_critical - 15 * open_warning - 5 * open_info) as weighted_score
  from devices
),

scored as (
  select
    *,
    case
      when status = 'active' and timestampdiff(second, installed_at, as_of_ts) >= report_interval_s
        then cast(
          least(weighted_score, if(open_critical > 0, 59, 100), if(is_silent, 39, 100)) as decimal(4, 1)
        )
    end as health_score
  from weighted
),

known as (
  select
    device_id,
    customer_id,
    product_id,
    location_id,
    serial_number,
    firmware_version,
    installed_at,
    decommissioned_at,
    status,
    cdc_seq,
    cdc_ts,
    product_name,
    report_interval_s,
    greatest(timestampdiff(day, installed_at, least(decommissioned_at, as_of_ts)), 0) as days_in_service,
    last_event_at,
    last_battery_pct,
    cast(uptime_pct as decimal(5, 2)) as uptime_7d_pct,
    cast(usable_pct as decimal(5, 2)) as usable_7d_pct,
    open_critical,
    open_warning,
    open_info,
    is_silent,
    case when daily_drain > 0 then cast(last_battery_pct / daily_drain as decimal(7, 1)) end as battery_days_left,
    health_score,
    case
      when health_score >= 80 then 'healthy'
      when health_score >= 60 then 'watch'
      when health_score >= 40 then 'degraded'
      when health_score >= 0 then 'critical'
    end as health_band
  from scored
)

{{ with_unknown_row('known', 'device_id') }}
