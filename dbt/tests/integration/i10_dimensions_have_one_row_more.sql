-- dimensions have what is staged, and the unknown row
{%- for name in ['devices', 'locations', 'customers'] %}
{{ 'union all' if not loop.first }}
select 'dim_{{ name }}' as dimension
from (select count(*) as row_count from {{ ref('dim_' ~ name) }}) as own
cross join (select count(*) as row_count from {{ ref('stg_' ~ name) }}) as staged
where own.row_count <> staged.row_count + 1
{%- endfor %}
-- depends_on: {{ ref('measured_days') }}
