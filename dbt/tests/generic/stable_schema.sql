{#- The table has these columns in this order, each as "name type". -#}
{% test stable_schema(model, columns) %}
{%- set found = [] -%}
{%- for column in adapter.get_columns_in_relation(model) if execute -%}
  {%- do found.append(column.name ~ ' ' ~ column.dtype) -%}
{%- endfor %}
select 1
where {{ found != columns }}
{% endtest %}
