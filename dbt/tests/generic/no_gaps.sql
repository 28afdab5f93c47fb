{#- Each key has a row for each date from its first to its last; with `to`, an expression over the rows
    of a key, to that date. -#}
{% test no_gaps(model, key, date_column, to=none) %}
select {{ key }}
from {{ model }}
group by {{ key }}
having count(distinct {{ date_column }})
  <> datediff({{ to or 'max(' ~ date_column ~ ')' }}, min({{ date_column }})) + 1
{% endtest %}
