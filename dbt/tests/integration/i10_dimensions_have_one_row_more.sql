-- dimensions have what is staged, and the unknown row
{%- set dimensions = {'dim_devices': 'stg_devices', 'dim_locations': 'stg_locations', 'dim_customers': 'stg_customers'} %}
{%- for dimension, staged in dimensions.items() %}
{{ 'union all' if not loop.first }}
select '{{ dimension }}' as dimension
from (select count(*) as row_count from {{ ref(dimension) }}) as own
cross join (select count(*) as row_count from {{ ref(staged) }}) as staged
where own.row_count <> staged.row_count + 1
{%- endfor %}
-- depends_on: {{ ref('measured_days') }}
