-- Orders that were ingested since the last run go into a history of changes. The watermark is read
-- from the history itself, so that rows and watermark can't drift apart when a run breaks off.
-- `overlap_minutes` reads a little more than is new, for rows that became visible late; the keys
-- keep a row from being written twice.
CREATE TABLE IF NOT EXISTS IDENTIFIER(:catalog || '.' || :silver || '.order_changes') (
  order_id BIGINT,
  customer_id BIGINT,
  amount DECIMAL(18, 2),
  changed_at TIMESTAMP,
  ingested_at TIMESTAMP
);

MERGE INTO IDENTIFIER(:catalog || '.' || :silver || '.order_changes') AS target
USING (
  SELECT
    order_id,
    customer_id,
    amount,
    changed_at,
    min(ingested_at) AS ingested_at
  FROM IDENTIFIER(:catalog || '.' || :bronze || '.orders') AS bronze
  CROSS JOIN (
    SELECT max(ingested_at) AS watermark
    FROM IDENTIFIER(:catalog || '.' || :silver || '.order_changes')
  ) AS progress
  WHERE order_id IS NOT NULL
    AND (
      watermark IS NULL
      OR bronze.ingested_at IS NULL
      OR bronze.ingested_at
        > watermark - make_interval(0, 0, 0, 0, 0, CAST(:overlap_minutes AS INT), 0)
    )
  GROUP BY order_id, customer_id, amount, changed_at
) AS source
ON target.order_id = source.order_id
  AND target.changed_at <=> source.changed_at
  AND target.customer_id <=> source.customer_id
  AND target.amount <=> source.amount
WHEN NOT MATCHED THEN INSERT *;
