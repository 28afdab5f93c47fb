"""What stays on disk between runs: a target's folders, tables, memory of pipelines, locks."""
