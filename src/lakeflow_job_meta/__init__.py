"""Lakeflow Jobs from metadata: rows of a Delta table become jobs, and stay in step with them."""
