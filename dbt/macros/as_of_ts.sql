{#- The moment that results are true for, as an SQL expression: the clock has no part in them. -#}
{% macro as_of_ts() -%}
  {%- if var('as_of_ts') -%}
    timestamp '{{ var('as_of_ts') }}'
  {%- else -%}
    (select max(gateway_ts) from {{ source('bronze', 'bronze_iot_events') }})
  {%- endif -%}
{%- endmacro %}
