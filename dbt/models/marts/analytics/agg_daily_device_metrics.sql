{{ config(
  materialized='incremental',
  unique_key=['device_id', 'event_date'],
  post_hook='{{ delete_days_out_of_service() }}',
) }}

{%- set readings = ['temperature_c', 'humidity_pct', 'pressure_hpa', 'vibration_mm_s', 'co2_ppm'] %}
{%- set described = ['temperature_c', 'humidity_pct', 'vibration_mm_s'] %}
{%- if is_incremental() %}
  {%- set recent_loads %}
    select cast(min(event_date) as string)
    from {{ ref('fct_iot_events') }}
    where ingested_at > {{ loaded_since(this) }}
  {%- endset %}
  {%- set first_recent_date = value_of(recent_loads) or '9999-12-31' %}
  {%- set last_as_of %}
    select cast(least(max(event_date), cast({{ as_of_ts() }} as date)) as string) from {{ this }}
  {%- endset %}
  {%- set last_as_of_date = value_of(last_as_of) or '1970-01-01' %}
{%- endif %}

with services as (
  select
    device.device_id,
    device.installed_at as service_start,
    device.decommissioned_at,
    least(device.decommissioned_at, as_of.as_of_ts) as service_end,
    coalesce(product.report_interval_s, 300) as report_interval_s
  from {{ ref('stg_devices') }} as device
  left join {{ ref('stg_products') }} as product on device.product_id = product.product_id
  cross join (select {{ as_of_ts() }} as as_of_ts) as as_of
  where as_of.as_of_ts is not null  -- no event yet: no day has begun
    and device.installed_at <= least(device.decommissioned_at, as_of.as_of_ts)
),

all_days as (
  select
    device_id,
    event_date,
    service_start,
    decommissioned_at,
    report_interval_s,
    xxhash64(service_start, decommissioned_at, report_interval_s) as basis_hash,
    greatest(service_start, cast(event_date as timestamp)) as day_start,
    least(service_end, cast(date_add(event_date, 1) as timestamp)) as day_end
  from services
  lateral view explode(sequence(cast(service_start as date), cast(service_end as date))) as event_date
),

days as (
  select
    day.device_id,
    day.event_date,
    day.service_start,
    day.decommissioned_at,
    day.report_interval_s,
    day.basis_hash,
    day.day_start,
    greatest(timestampdiff(second, day.day_start, day.day_end), 0) div day.report_interval_s as expected_slots
  from all_days as day
  {%- if is_incremental() %}
  left join {{ this }} as known using (device_id, event_date)
  left join (
    select device_id, event_date, count(*) as fact_count
    from {{ ref('fct_iot_events') }}
    where event_date >= date '{{ first_recent_date }}'
    group by device_id, event_date
  ) as loaded using (device_id, event_date)
  where known.device_id is null
    or known.basis_hash <> day.basis_hash
    or known.event_count + known.out_of_service_count <> loaded.fact_count
    or day.event_date >= date '{{ last_as_of_date }}'
  {%- endif %}
),

events as (
  select
    day.device_id,
    day.event_date,
    day.basis_hash,
    day.expected_slots,
    event.event_id,
    event.effective_ts,
    event.quality,
    event.is_late,
    event.ingested_at,
    event.signal_dbm,
    event.battery_pct,
    event.effective_ts >= day.service_start
      and coalesce(event.effective_ts < day.decommissioned_at, true) as in_service,
    timestampdiff(second, day.day_start, event.effective_ts) div day.report_interval_s as slot,
    {%- for reading in readings %}
    if(event.is_usable, event.{{ reading }}, null) as {{ reading }}{{ ',' if not loop.last }}
    {%- endfor %}
  from days as day
  left join {{ ref('fct_iot_events') }} as event using (device_id, event_date)
),

measured as (
  select
    device_id,
    event_date,
    basis_hash,
    expected_slots,
    max(ingested_at) as ingested_at,
    max(effective_ts) filter (where in_service) as last_event_at,
    count_if(in_service) as event_count,
    count_if(in_service and quality = 'good') as usable_count,
    count_if(in_service and quality = 'suspect') as suspect_count,
    count_if(in_service and quality = 'bad') as bad_count,
    count_if(in_service and is_late) as late_count,
    count_if(not in_service) as out_of_service_count,
    size(collect_set(slot) filter (where in_service and slot < expected_slots)) as received_slots,
    {%- for reading in readings %}
    array_sort(collect_list({{ reading }}) filter (where in_service)) as {{ reading }}_sorted,
    {%- endfor %}
    {%- for reading in described %}
    avg({{ reading }}) filter (where in_service) as {{ reading }}_mean,
    {%- endfor %}
    avg(signal_dbm) filter (where in_service) as signal_mean,
    min(signal_dbm) filter (where in_service) as signal_min_dbm,
    transform(
      array_sort(
        collect_list(struct(effective_ts, event_id, battery_pct)) filter (where in_service and battery_pct is not null)
      ),
      event -> event.battery_pct
    ) as battery_levels
  from events
  group by device_id, event_date, basis_hash, expected_slots
),

judged as (
  select
    *,
    {%- for reading in readings %}
    {{ percentile_of(reading ~ '_sorted', 0.25) }} as {{ reading }}_q1,
    {{ percentile_of(reading ~ '_sorted', 0.75) }} as {{ reading }}_q3,
    {%- endfor %}
    coalesce(
      exists(
        zip_with(battery_levels, slice(battery_levels, 2, size(battery_levels)), (before, after) -> after - before),
        rise -> rise > 5
      ),
      false
    ) as battery_replaced
  from measured
),

fenced as (
  select
    *,
    {%- for reading in readings %}
    {{ anomalies(reading) }} as {{ reading }}_anomalies{{ ',' if not loop.last }}
    {%- endfor %}
  from judged
)

select
  device_id,
  event_date,
  {{ date_key('event_date') }} as date_key,
  event_count,
  usable_count,
  suspect_count,
  bad_count,
  late_count,
  out_of_service_count,
  expected_slots,
  received_slots,
  cast({{ percentage('received_slots', 'expected_slots') }} as decimal(5, 2)) as uptime_pct,
  {%- for reading in described %}
  get({{ reading }}_sorted, 0) as {{ reading }}_min,
  {%- for name, share in {'p05': 0.05, 'p50': 0.5, 'p95': 0.95}.items() %}
  cast({{ percentile_of(reading ~ '_sorted', share) }} as decimal(10, 3)) as {{ reading }}_{{ name }},
  {%- endfor %}
  get({{ reading }}_sorted, size({{ reading }}_sorted) - 1) as {{ reading }}_max,
  cast({{ reading }}_mean as decimal(10, 3)) as {{ reading }}_avg,
  {%- endfor %}
  get(battery_levels, 0) as battery_first,
  get(battery_levels, size(battery_levels) - 1) as battery_last,
  array_min(battery_levels) as battery_min,
  battery_replaced,
  if(battery_replaced, null, get(battery_levels, 0) - get(battery_levels, size(battery_levels) - 1)) as battery_drain,
  cast(signal_mean as decimal(6, 2)) as signal_avg_dbm,
  signal_min_dbm,
  {%- for reading in readings %}
  {{ reading }}_anomalies,
  {%- endfor %}
  {{ readings | join('_anomalies + ') }}_anomalies as anomaly_count,
  last_event_at,
  ingested_at,
  basis_hash
from fenced
