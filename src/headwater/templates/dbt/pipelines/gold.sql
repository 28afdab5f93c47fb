-- Where customers lived, and when. What is counted from these tables is made by dbt, in dbt/.
CREATE OR REFRESH STREAMING TABLE customers
COMMENT "Where customers lived, and when";

CREATE FLOW customers_history AS AUTO CDC INTO customers
FROM STREAM(orders)
KEYS (customer)
SEQUENCE BY ordered_at
COLUMNS customer, city, ordered_at
STORED AS SCD TYPE 2
TRACK HISTORY ON city;
