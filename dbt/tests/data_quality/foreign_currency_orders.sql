{{ config(severity='warn') }}

-- orders that no sum includes, since they are in another currency
select count(*) as total, count_if(currency <> '{{ var('reporting_currency') }}') as failing
from {{ ref('fct_orders') }}
where ordered_at > (select measured_from from {{ ref('measured_days') }})
