-- What is wrong with the customers that were ingested: one row, one count per rule.
-- The text of the task `quality_check` in metadata_examples.yaml. Reads only.
SELECT
  count(*) AS row_count,
  count_if(customer_id IS NULL) AS missing_ids,
  count(customer_id) - count(DISTINCT customer_id) AS repeated_ids,
  count_if(email IS NULL OR email NOT LIKE '%_@_%') AS invalid_emails,
  count_if(amount IS NULL OR amount < 0) AS invalid_amounts,
  CASE
    WHEN count(*) = 0 THEN 'EMPTY'
    WHEN 100.0 * count_if(customer_id IS NULL) / count(*) > CAST(:threshold AS DOUBLE) THEN 'FAIL'
    ELSE 'PASS'
  END AS status
FROM IDENTIFIER(:catalog || '.' || :bronze || '.orders');
