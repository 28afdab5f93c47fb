{#- The sum of the column is that of a column of `compare`, give or take `tolerance`. -#}
{% test sum_equals(model, column_name, compare, compare_column, tolerance=0) %}
select 1
from (select coalesce(sum({{ column_name }}), 0) as total from {{ model }}) as own
cross join (select coalesce(sum({{ compare_column }}), 0) as total from {{ compare }}) as other
where abs(own.total - other.total) > {{ tolerance }}
{% endtest %}
