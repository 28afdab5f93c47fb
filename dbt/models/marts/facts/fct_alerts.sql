{%- set metrics = [
  'temperature_c', 'humidity_pct', 'pressure_hpa', 'vibration_mm_s', 'co2_ppm', 'battery_pct', 'signal_dbm'
] %}

with device_thresholds as (  -- what may apply to a device, the most specific first
  select
    device.device_id,
    coalesce(product.report_interval_s, 300) as report_interval_s,
    threshold.threshold_id,
    threshold.metric,
    threshold.operator,
    threshold.threshold_value,
    threshold.severity,
    threshold.min_duration_s,
    threshold.valid_from,
    threshold.valid_to,
    collect_list(
      struct(
        threshold.valid_from as starts,
        coalesce(threshold.valid_to, timestamp '9999-12-31') as ends
      )
    ) over (
      partition by device.device_id, threshold.metric, threshold.severity
      order by
        threshold.device_id is null,
        threshold.product_id is null,
        threshold.valid_from,
        threshold.threshold_id
      rows between unbounded preceding and 1 preceding
    ) as overruled_by
  from {{ ref('stg_devices') }} as device
  left join {{ ref('stg_products') }} as product on device.product_id = product.product_id
  join {{ ref('stg_alert_thresholds') }} as threshold
    on threshold.is_enabled
    and threshold.valid_from is not null
    and case
      when threshold.device_id is not null then threshold.device_id = device.device_id
      when threshold.product_id is not null then threshold.product_id = device.product_id
      else true
    end
),

readings as (
  select
    /*+ broadcast(threshold) */
    threshold.* except (valid_from, valid_to, overruled_by),
    event.event_id,
    event.effective_ts,
    case threshold.metric
      {%- for metric in metrics %}
      when '{{ metric }}' then event.{{ metric }}
      {%- endfor %}
    end as reading
  from {{ ref('fct_iot_events') }} as event
  join device_thresholds as threshold
    on event.device_id = threshold.device_id
    and event.effective_ts >= threshold.valid_from
    and event.effective_ts < coalesce(threshold.valid_to, timestamp '9999-12-31')
  where event.is_usable
    and not exists(
      threshold.overruled_by,
      other -> event.effective_ts >= other.starts and event.effective_ts < other.ends
    )
),

judged as (
  select
    *,
    case operator
      when 'gt' then reading > threshold_value
      when 'gte' then reading >= threshold_value
      when 'lt' then reading < threshold_value
      when 'lte' then reading <= threshold_value
    end as violates
  from readings
  where reading is not null
),

neighbours as (
  select
    *,
    coalesce(
      lag(violates) over series
      and unix_micros(effective_ts) - unix_micros(lag(effective_ts) over series) <= 3000000L * report_interval_s,
      false
    ) as continues
  from judged
  window series as (partition by device_id, threshold_id order by effective_ts, event_id)
),

runs as (
  select
    *,
    count_if(not continues) over (
      partition by device_id, threshold_id order by effective_ts, event_id
      rows between unbounded preceding and current row
    ) as run
  from neighbours
  where violates
),

breaches as (
  select
    sha2(concat_ws('|', threshold_id, device_id, {{ utc_text('min(effective_ts)') }}), 256) as breach_id,
    device_id,
    threshold_id,
    metric,
    severity,
    min_duration_s,
    min(effective_ts) as first_violation_at,
    max(effective_ts) as last_violation_at,
    timestampdiff(second, min(effective_ts), max(effective_ts)) as breach_duration_s,
    if(operator in ('gt', 'gte'), max(reading), min(reading)) as peak_value,
    count(*) as violating_readings
  from runs
  group by device_id, threshold_id, metric, severity, operator, min_duration_s, run
  having timestampdiff(second, min(effective_ts), max(effective_ts)) >= min_duration_s
),

breach_lists as (  -- as lists, so that the readings are looked at once
  select device_id, threshold_id, collect_list(struct(*)) as breaches
  from breaches
  group by device_id, threshold_id
),

alert_lists as (
  select device_id, threshold_id, collect_list(struct(alert_id, raised_at)) as alerts
  from {{ ref('stg_alerts') }}
  group by device_id, threshold_id
),

candidates as (  -- pairs that may match, the best first
  select
    breaches,
    array_sort(flatten(transform(breaches, breach -> transform(
      filter(alerts, alert ->
        alert.raised_at between breach.first_violation_at - interval 5 minutes
        and breach.last_violation_at + interval 15 minutes),
      alert -> struct(
        abs(
          unix_micros(alert.raised_at) - unix_micros(breach.first_violation_at) - 1000000L * breach.min_duration_s
        ) as distance,
        alert.alert_id as alert_id,
        breach.breach_id as breach_id
      )
    )))) as pairs
  from breach_lists
  left join alert_lists using (device_id, threshold_id)
),

matches as (
  select
    breaches,
    aggregate(
      pairs,
      cast(array() as array<struct<distance: bigint, alert_id: string, breach_id: string>>),
      (taken, pair) -> if(
        exists(taken, other -> other.alert_id = pair.alert_id or other.breach_id = pair.breach_id),
        taken,
        concat(taken, array(pair))
      )
    ) as pairs
  from candidates
),

paired_breaches as (
  select
    breach.*,
    get(filter(pairs, pair -> pair.breach_id = breach.breach_id), 0).alert_id as alert_id
  from matches
  lateral view explode(breaches) as breach
)

select
  coalesce(alert.alert_id, breach.breach_id) as alert_key,
  alert.alert_id,
  breach.breach_id,
  coalesce(alert.device_id, breach.device_id) as device_id,
  coalesce(alert.threshold_id, breach.threshold_id) as threshold_id,
  coalesce(alert.metric, breach.metric) as metric,
  coalesce(alert.severity, breach.severity) as severity,
  alert.status,
  {{ date_key('coalesce(alert.raised_at, breach.first_violation_at)') }} as date_key,
  alert.raised_at,
  alert.acknowledged_at,
  alert.resolved_at,
  timestampdiff(second, alert.raised_at, alert.acknowledged_at) as time_to_ack_s,
  timestampdiff(second, alert.raised_at, alert.resolved_at) as time_to_resolve_s,
  breach.first_violation_at,
  breach.last_violation_at,
  breach.breach_duration_s,
  breach.peak_value,
  breach.violating_readings,
  timestampdiff(second, breach.first_violation_at, alert.raised_at) as detection_delay_s,
  case
    when alert.alert_id is null then 'missed'
    when breach.breach_id is null then 'unconfirmed'
    else 'matched'
  end as match_status
from {{ ref('stg_alerts') }} as alert
full join paired_breaches as breach on alert.alert_id = breach.alert_id
