"""What a change does to the tables: run a pipeline before and after it, and compare."""
