{#- No value is NaN, which is greater than any number and passes every check of a minimum. -#}
{% test no_nan(model, column_name) %}
select {{ column_name }}
from {{ model }}
where isnan({{ column_name }})
{% endtest %}
