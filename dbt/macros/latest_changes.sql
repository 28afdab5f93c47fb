{#- The after-image of each key's latest change, without keys whose latest change deletes them.
    `seq` alone orders changes; where it is equal a delete wins, then the greater hash: the rows are
    the same in whatever order changes arrive. -#}
{% macro latest_changes(table, key) -%}
  select *
  from (
    select
      *,
      row_number() over (
        partition by trim({{ key }}) order by seq desc, op = 'D' desc, record_hash desc
      ) as recency
    from {{ source('bronze', 'bronze_cdc_' ~ table) }}
    where trim({{ key }}) <> ''
  )
  where recency = 1 and op <> 'D'
{%- endmacro %}
