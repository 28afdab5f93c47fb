select
  {{ date_key('date_day') }} as date_key,
  date_day,
  year(date_day) as year,
  quarter(date_day) as quarter,
  month(date_day) as month,
  date_format(date_day, 'MMMM') as month_name,
  weekofyear(date_day) as iso_week,
  weekday(date_day) + 1 as day_of_week,
  weekday(date_day) >= 5 as is_weekend,
  cast(trunc(date_day, 'MONTH') as date) as month_start,
  last_day(date_day) as month_end
from (select explode(sequence(date '2020-01-01', date '2035-12-31')) as date_day)
