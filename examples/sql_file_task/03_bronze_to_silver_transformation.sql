-- The newest version of each order, cleaned. Rows without a key or a time can't be placed and stay
-- in bronze. An older version that comes late changes nothing, nor does a second run.
CREATE TABLE IF NOT EXISTS IDENTIFIER(:catalog || '.' || :silver || '.orders') (
  order_id BIGINT,
  customer_id BIGINT,
  email STRING,
  country STRING,
  amount DECIMAL(18, 2),
  ordered_at TIMESTAMP,
  changed_at TIMESTAMP
);

MERGE INTO IDENTIFIER(:catalog || '.' || :silver || '.orders') AS target
USING (
  SELECT
    order_id,
    customer_id,
    nullif(lower(trim(email)), '') AS email,
    nullif(upper(trim(country)), '') AS country,
    CASE WHEN amount >= 0 THEN amount END AS amount,
    ordered_at,
    changed_at
  FROM IDENTIFIER(:catalog || '.' || :bronze || '.orders')
  WHERE order_id IS NOT NULL AND ordered_at IS NOT NULL AND changed_at IS NOT NULL
  QUALIFY row_number() OVER (
    PARTITION BY order_id ORDER BY changed_at DESC, ingested_at DESC, batch_id DESC
  ) = 1
) AS source
ON target.order_id = source.order_id
WHEN MATCHED AND source.changed_at > target.changed_at THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *;
