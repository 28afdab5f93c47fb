{#- The one value of a query, as text, found before the model runs: Delta skips files by a literal
    and not by a subquery. -#}
{% macro value_of(query) -%}
  {{ return(run_query(query).columns[0].values()[0] if execute else '') }}
{%- endmacro %}

{#- From where on to look for new rows: an hour before the newest row that a table has, since loads
    may overlap. Whoever looks leaves out the rows it knows. -#}
{% macro loaded_since(relation) -%}
  {%- set newest -%}
    select cast(coalesce(max(ingested_at) - interval 1 hour, timestamp '1970-01-01') as string)
    from {{ relation }}
  {%- endset -%}
  timestamp '{{ value_of(newest) }}'
{%- endmacro %}

{#- Two hooks that find the earliest date among the rows to look at, as a session variable: MERGE
    takes no subquery, and a fixed number of days would miss what a gateway uploads late. -#}
{% macro declare_first_new_date() -%}
  {%- if is_incremental() -%}
    declare or replace variable first_new_date date
  {%- endif -%}
{%- endmacro %}

{% macro set_first_new_date() -%}
  {%- if is_incremental() -%}
    set variable first_new_date = (
      select min(event_date)
      from {{ ref('stg_iot_events') }}
      where not is_too_late and ingested_at > {{ loaded_since(this) }}
    )
  {%- endif -%}
{%- endmacro %}
