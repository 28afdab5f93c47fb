{#- The rows are the latest image of each key in the changes, and keys whose latest change deletes them
    are absent. Worked out in another way than the models do it. -#}
{% test scd1_matches_changes(model, source, key) %}
select coalesce(expected.change_key, actual.{{ key }}) as {{ key }}
from (
  select trim({{ key }}) as change_key, max(struct(seq, op = 'D' as is_delete, record_hash)) as latest
  from {{ source }}
  where trim({{ key }}) <> ''
  group by trim({{ key }})
  having not max(struct(seq, op = 'D' as is_delete, record_hash)).is_delete
) as expected
full join {{ model }} as actual on expected.change_key = actual.{{ key }}
where not coalesce(expected.latest.seq = actual.cdc_seq, false)
{% endtest %}
