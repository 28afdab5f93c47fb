select
  {{ as_of_ts() }} as as_of_ts,
  {{ as_of_ts() }} - interval 7 days as measured_from
