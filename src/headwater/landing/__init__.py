"""Land events of a broker as Parquet files, each event exactly once."""
