{#- There are as many rows as in `compare`, apart from `minus` rows that only this table has. -#}
{% test row_count_equals(model, compare, minus=0) %}
select 1
from (select count(*) as row_count from {{ model }}) as own
cross join (select count(*) as row_count from {{ compare }}) as other
where own.row_count - {{ minus }} <> other.row_count
{% endtest %}
