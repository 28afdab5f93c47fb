"""What the demos print with: titles, and rows of queries against their target."""

from __future__ import annotations

from typing import Any

import click
from pyspark.sql import SparkSession

from headwater.sandbox.result_rows import rows_of
from headwater.sandbox.statements import run_statements
from headwater.state.target import Target


def title(text: str) -> None:
    """Print the title of what follows."""
    click.echo(f"\n== {text}")


def query(spark: SparkSession, target: Target, sql: str) -> list[dict[str, Any]]:
    """Return the rows of a query."""
    frame = run_statements(spark, target, sql)
    return [] if frame is None else rows_of(frame)
