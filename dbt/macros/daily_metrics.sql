{#- The percentile of sorted decimals, between two of them as `percentile` works it out, and exact. -#}
{% macro percentile_of(sorted, share) -%}
  {%- set position = '(' ~ share ~ ' * (size(' ~ sorted ~ ') - 1))' -%}
  {%- set below = 'cast(floor(' ~ position ~ ') as int)' -%}
  get({{ sorted }}, {{ below }})
    + ({{ position }} - {{ below }}) * coalesce(get({{ sorted }}, {{ below }} + 1) - get({{ sorted }}, {{ below }}), 0)
{%- endmacro %}

{#- How many values lie outside three interquartile ranges of the quartiles, given at least 20 values
    and quartiles that differ. -#}
{% macro anomalies(reading) -%}
  {%- set q1 = reading ~ '_q1' -%}
  {%- set q3 = reading ~ '_q3' -%}
  if(
    size({{ reading }}_sorted) >= 20 and {{ q3 }} > {{ q1 }},
    size(filter({{ reading }}_sorted, value ->
      value < {{ q1 }} - 3 * ({{ q3 }} - {{ q1 }}) or value > {{ q3 }} + 3 * ({{ q3 }} - {{ q1 }}))),
    0
  )
{%- endmacro %}

{#- A hook that deletes days of devices that are gone, or were not in service on that day after all:
    MERGE of dbt only adds and updates. -#}
{% macro delete_days_out_of_service() -%}
  {%- if is_incremental() -%}
    merge into {{ this }} as day
    using (
      select stale.device_id, stale.event_date
      from {{ this }} as stale
      left join {{ ref('stg_devices') }} as device using (device_id)
      where coalesce(
        stale.event_date not between cast(device.installed_at as date)
          and cast(least(device.decommissioned_at, {{ as_of_ts() }}) as date)
        or device.installed_at > least(device.decommissioned_at, {{ as_of_ts() }}),
        true
      )
    ) as stale
    on day.device_id = stale.device_id and day.event_date = stale.event_date
    when matched then delete
  {%- endif -%}
{%- endmacro %}
