{#- The expression is true in each row; NULL is not true. -#}
{% test expression_is_true(model, expression) %}
select 1
from {{ model }}
where not coalesce({{ expression }}, false)
{% endtest %}
