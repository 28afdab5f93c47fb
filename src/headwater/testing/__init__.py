"""Test pipelines with pytest: rows in, tables out, no workspace; see docs/testing.md.

The way in is the fixture `pipeline` (`plugin`), a `pipeline.Pipeline`. Nothing is imported here, so
that the plugin costs nothing in tests that don't use it.
"""
