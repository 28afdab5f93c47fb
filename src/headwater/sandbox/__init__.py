"""What user code sees: PySpark as patched, evaluated reads, dbutils, SQL text, explained faults."""
