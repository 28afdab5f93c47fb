{#- At least that part of the rows, from 0 to 1, has a value. -#}
{% test not_null_proportion(model, column_name, at_least) %}
select 1
from {{ model }}
having count({{ column_name }}) < {{ at_least }} * count(*)
{% endtest %}
