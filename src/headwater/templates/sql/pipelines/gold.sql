-- Where customers lived, and when.
CREATE OR REFRESH STREAMING TABLE customers
COMMENT "Where customers lived, and when";

CREATE FLOW customers_history AS AUTO CDC INTO customers
FROM STREAM(orders)
KEYS (customer)
SEQUENCE BY ordered_at
COLUMNS customer, city, ordered_at
STORED AS SCD TYPE 2
TRACK HISTORY ON city;

-- Sales of each day.
CREATE OR REFRESH MATERIALIZED VIEW daily_sales
COMMENT "Sales of each day"
AS SELECT day, count(*) AS orders, sum(amount) AS amount
FROM orders
GROUP BY day;
