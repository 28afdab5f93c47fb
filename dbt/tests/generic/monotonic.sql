{#- In the order of a column, and among the rows of one `by`, values never fall. -#}
{% test monotonic(model, column_name, order, by=none) %}
select *
from (
  select
    {{ column_name }} as value,
    lag({{ column_name }}) over (
      {{ 'partition by ' ~ by if by }} order by {{ order }}, {{ column_name }}
    ) as value_before
  from {{ model }}
)
where value < value_before
{% endtest %}
