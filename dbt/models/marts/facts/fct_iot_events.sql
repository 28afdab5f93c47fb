{{ config(
  materialized='incremental',
  unique_key='event_id',
  partition_by='event_date',
  incremental_predicates=['DBT_INTERNAL_DEST.event_date >= first_new_date'],
  pre_hook=['{{ declare_first_new_date() }}', '{{ set_first_new_date() }}'],
) }}

select
  event_id,
  device_id,
  {{ date_key('event_date') }} as date_key,
  event_date,
  effective_ts,
  gateway_ts,
  event_type,
  temperature_c,
  humidity_pct,
  pressure_hpa,
  vibration_mm_s,
  co2_ppm,
  battery_pct,
  signal_dbm,
  quality,
  is_usable,
  is_late,
  lateness_s,
  clock_skewed,
  ingested_at
from {{ ref('stg_iot_events') }} as staged
where not is_too_late
{%- if is_incremental() %}
  and ingested_at > {{ loaded_since(this) }}
  and not exists (
    select 1
    from {{ this }} as loaded
    where loaded.event_id = staged.event_id and loaded.event_date >= first_new_date
  )
{%- endif %}
