-- Orders per day and country, always from all rows of silver: late rows and corrected ones count on
-- their own day, and a second run changes nothing.
CREATE TABLE IF NOT EXISTS IDENTIFIER(:catalog || '.' || :gold || '.daily_orders') (
  order_date DATE,
  country STRING,
  orders BIGINT,
  customers BIGINT,
  amount DECIMAL(18, 2)
);

MERGE INTO IDENTIFIER(:catalog || '.' || :gold || '.daily_orders') AS target
USING (
  SELECT
    CAST(ordered_at AS DATE) AS order_date,
    coalesce(country, 'unknown') AS country,
    count(*) AS orders,
    count(DISTINCT customer_id) AS customers,
    CAST(sum(amount) AS DECIMAL(18, 2)) AS amount
  FROM IDENTIFIER(:catalog || '.' || :silver || '.orders')
  GROUP BY CAST(ordered_at AS DATE), coalesce(country, 'unknown')
) AS source
ON target.order_date = source.order_date AND target.country = source.country
WHEN MATCHED AND (
  target.orders <> source.orders
  OR target.customers <> source.customers
  OR NOT target.amount <=> source.amount
) THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *
WHEN NOT MATCHED BY SOURCE THEN DELETE;
