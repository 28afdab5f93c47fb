{#- At least that many percent of the rows with a key have it in `to`. -#}
{% test relationships_at_least(model, column_name, to, field, percent) %}
select 1
from {{ model }} as child
left join (select distinct {{ field }} as parent_key from {{ to }}) as parent
  on child.{{ column_name }} = parent.parent_key
where child.{{ column_name }} is not null
having 100 * count(parent.parent_key) < {{ percent }} * count(*)
{% endtest %}
