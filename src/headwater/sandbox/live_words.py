"""The word LIVE before the tables that qualify columns of a condition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pyspark.errors import ParseException
from pyspark.sql import SparkSession

from headwater.sandbox.trees import items_of, kind_of, span_of


def without_live(spark: SparkSession, condition: str) -> str:
    """Return a condition without the word LIVE before the tables that qualify its columns.

    Text that does not parse is returned unchanged: the user of the condition reports it.
    """
    if not re.search(r"\blive\b", condition, re.I):
        return condition
    try:
        tree = spark._jsparkSession.sessionState().sqlParser().parseExpression(condition)
    except ParseException:
        return condition
    spans = [
        span_of(node)
        for node in _attributes(tree)
        if str(node.nameParts().apply(0)).lower() == "live"
    ]
    for start, _ in sorted(spans, reverse=True):
        found = re.compile(r"(?:`live`|live)\s*\.\s*", re.I).match(condition, start)
        if found:
            condition = condition[:start] + condition[found.end() :]
    return condition


def _attributes(node: Any) -> Iterator[Any]:
    if kind_of(node) == "UnresolvedAttribute" and node.nameParts().size() > 1:
        yield node
    for child in items_of(node.children()):
        yield from _attributes(child)
