{#- Trimmed text; NULL when nothing is left. -#}
{% macro text(column) -%}
  nullif(trim({{ column }}), '')
{%- endmacro %}

{#- A date as the key of `dim_date`: 20260131. -#}
{% macro date_key(date) -%}
  cast(date_format({{ date }}, 'yyyyMMdd') as int)
{%- endmacro %}

{#- A part of a whole, in percent; NULL without a whole. -#}
{% macro percentage(part, whole) -%}
  cast(100 * {{ part }} as decimal(20, 0)) / nullif({{ whole }}, 0)
{%- endmacro %}

{#- The money of an order, when its status is one of `statuses`, else 0. -#}
{% macro amount_when(statuses) -%}
  case when status in ('{{ statuses | join("', '") }}') then net_amount else 0 end
{%- endmacro %}

{#- A timestamp as ISO text with microseconds. -#}
{% macro utc_text(timestamp) -%}
  date_format({{ timestamp }}, "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'")
{%- endmacro %}

{#- Whether a date is one of the last days up to `as_of_ts`, which the query has as a column. -#}
{% macro in_last_days(days, date) -%}
  {{ date }} between date_sub(cast(as_of_ts as date), {{ days - 1 }}) and cast(as_of_ts as date)
{%- endmacro %}

{#- The rows of a dimension, and one of key -1 for the facts whose key it does not have. -#}
{% macro with_unknown_row(dimension, key) -%}
  select *
  from {{ dimension }}
  full join (select '-1' as {{ key }}) using ({{ key }})
{%- endmacro %}
