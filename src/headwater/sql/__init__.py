"""SQL text without Spark: statements, tokens, parameters, and the statements of pipelines."""
