-- each event of bronze is staged once
select *
from (select count(distinct event_id) as events from {{ source('bronze', 'bronze_iot_events') }}) as bronze
cross join (select count(*) as events from {{ ref('stg_iot_events') }}) as staged
where bronze.events <> staged.events
-- depends_on: {{ ref('measured_days') }}
