-- Orders that can be counted; what breaks a rule is dropped and counted.
CREATE OR REFRESH STREAMING TABLE orders (
  CONSTRAINT has_customer EXPECT (customer IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT has_time EXPECT (ordered_at IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT positive_amount EXPECT (amount > 0) ON VIOLATION DROP ROW
)
COMMENT "Orders, checked"
AS SELECT
  order_id,
  customer,
  city,
  CAST(amount AS DECIMAL(18, 2)) AS amount,
  try_to_timestamp(ordered_at) AS ordered_at,
  to_date(try_to_timestamp(ordered_at)) AS day
FROM STREAM(orders_raw);
