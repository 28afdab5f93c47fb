-- Sales of each day.
select
  day,
  count(*) as orders,
  sum(amount) as amount
from {{ source('pipeline', 'orders') }}
group by day
