"""Run a module on local Spark: the order, the parallelism and the outcomes its job would have."""
