{#- The newest value is at most that many hours before `as_of_ts`. -#}
{% test fresh_within(model, column_name, hours) %}
select 1
from {{ model }}
having coalesce(max({{ column_name }}) < {{ as_of_ts() }} - interval {{ hours }} hours, true)
{% endtest %}
