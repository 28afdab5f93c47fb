"""What is known of queries before anything runs: columns, plans, findings, inferred sources."""
