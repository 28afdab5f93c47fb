{#- Values lie between `min` and `max`, either of which may be left out; NULL passes. dbt applies a
    `where` to any test. -#}
{% test accepted_range(model, column_name, min=none, max=none, inclusive=true) %}
select {{ column_name }}
from {{ model }}
where false
  {%- if min is not none %}
  or {{ column_name }} {{ '<' if inclusive else '<=' }} {{ min }}
  {%- endif %}
  {%- if max is not none %}
  or {{ column_name }} {{ '>' if inclusive else '>=' }} {{ max }}
  {%- endif %}
{% endtest %}
