-- Orders as they landed, and from which file. A column that appears later is taken in by itself.
CREATE OR REFRESH STREAMING TABLE orders_raw
COMMENT "Orders as they landed"
AS SELECT *, _metadata.file_name AS file
FROM STREAM read_files("${landing_path}", format => "json");
