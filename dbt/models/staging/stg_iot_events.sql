{{ config(materialized='incremental', unique_key='event_id') }}

{%- set physical_ranges = {
  'temperature_c': (-60, 125),
  'humidity_pct': (0, 100),
  'pressure_hpa': (300, 1100),
  'vibration_mm_s': (0, 200),
  'co2_ppm': (0, 10000),
  'battery_pct': (0, 100),
  'signal_dbm': (-130, 0),
} %}
{%- set types = {'battery_pct': 'decimal(5, 2)', 'signal_dbm': 'int'} %}
{%- set bronze = source('bronze', 'bronze_iot_events') %}
{%- set known = adapter.get_columns_in_relation(bronze) | map(attribute='name') | list if execute else [] %}

with arrivals as (
  select
    *,
    row_number() over (partition by event_id order by ingested_at, source_file, record_hash) as arrival
  from {{ bronze }} as bronze
  {%- if is_incremental() %}
  where ingested_at > {{ loaded_since(this) }}
    and not exists (select 1 from {{ this }} as staged where staged.event_id = bronze.event_id)
  {%- endif %}
),

typed as (
  select
    *,
    event_ts > gateway_ts + interval 5 minutes as clock_skewed,
    {%- for metric in physical_ranges %}
    {%- set type = types.get(metric, 'decimal(10, 3)') %}
    try_cast({{ metric if metric in known else 'null' }} as {{ type }}) as typed_{{ metric }}{{ ',' if not loop.last }}
    {%- endfor %}
  from arrivals
  where arrival = 1
),

judged as (
  select
    *,
    if(clock_skewed, gateway_ts, event_ts) as effective_ts,
    filter(
      array(
        {%- for metric, (lowest, highest) in physical_ranges.items() if metric in known %}
        case
          when {{ metric }} is not null
            and not coalesce(typed_{{ metric }} between {{ lowest }} and {{ highest }}, false)
            then '{{ metric }}'
        end{{ ',' if not loop.last }}
        {%- endfor %}
      ),
      metric -> metric is not null
    ) as invalid_metrics
  from typed
),

delayed as (
  select
    *,
    greatest(timestampdiff(second, effective_ts, gateway_ts), 0) as lateness_s,
    case
      when size(invalid_metrics) > 0 then 'bad'
      when quality in ('good', 'suspect', 'bad') then quality
      else 'suspect'
    end as judged_quality
  from judged
)

select
  event_id,
  device_id,
  boot_id,
  event_type,
  gateway_id,
  firmware_version,
  seq,
  event_ts,
  gateway_ts,
  effective_ts,
  cast(effective_ts as date) as event_date,
  clock_skewed,
  lateness_s,
  lateness_s > 3600 as is_late,
  lateness_s > 2592000 as is_too_late,
  {%- for metric in physical_ranges %}
  if(array_contains(invalid_metrics, '{{ metric }}'), null, typed_{{ metric }}) as {{ metric }},
  {%- endfor %}
  invalid_metrics,
  judged_quality as quality,
  judged_quality = 'good' as is_usable,
  ingested_at
from delayed
