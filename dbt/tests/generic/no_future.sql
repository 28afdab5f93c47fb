{#- No value is more than that many minutes after `as_of_ts`. -#}
{% test no_future(model, column_name, minutes=0) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} > {{ as_of_ts() }} + interval {{ minutes }} minutes
{% endtest %}
