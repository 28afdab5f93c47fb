-- How old the newest row of a table is, as a status: FRESH, STALE, or EMPTY. Reads only.
SELECT
  max(ingested_at) AS newest,
  CAST(timestampdiff(MINUTE, max(ingested_at), current_timestamp()) AS BIGINT) AS age_minutes,
  CASE
    WHEN max(ingested_at) IS NULL THEN 'EMPTY'
    WHEN timestampdiff(MINUTE, max(ingested_at), current_timestamp())
      > 60 * CAST(:max_hours AS DOUBLE) THEN 'STALE'
    ELSE 'FRESH'
  END AS status
FROM IDENTIFIER(:catalog || '.' || :bronze || '.' || :table);
