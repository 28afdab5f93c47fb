"""Warnings about pipeline source that runs here and will hurt in a workspace: docs/lint.md."""
