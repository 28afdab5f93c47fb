{#- Intervals begin before they end, and those of one key do not overlap; without an end an interval
    goes on for ever. `key` is a column or a list of expressions. -#}
{% test valid_intervals(model, key, from, to) %}
select *
from (
  select
    {{ from }} as starts,
    coalesce({{ to }}, timestamp '9999-12-31') as ends,
    lead({{ from }}) over (
      partition by {{ key if key is string else key | join(', ') }} order by {{ from }}, {{ to }} nulls last
    ) as next_starts
  from {{ model }}
)
where starts >= ends or next_starts < ends
{% endtest %}
