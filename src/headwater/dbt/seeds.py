"""Values of seeds as SQL.

dbt-spark writes NULL as the text 'None', numbers as floats and texts without escapes.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from headwater.sql.tokens import string_literal

_MOST_DIGITS = 38


def literal(value: Any) -> str:
    """Write a value of a seed as SQL; dbt casts it to the type of its column."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | Decimal):
        text = f"{value:f}" if isinstance(value, Decimal) else str(value)
        # more digits than a decimal of Spark has: it is cast from its text
        return text if len(text) <= _MOST_DIGITS else string_literal(str(value))
    if isinstance(value, datetime):
        return string_literal(value.isoformat(sep=" "))
    return string_literal(str(value))
