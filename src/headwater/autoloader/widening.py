"""Types that grow with the files: the mode `addNewColumnsWithTypeWidening`. Pure.

Source: "Automatic type widening with Auto Loader" in Databricks' documentation.
"""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql.types import (
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    ShortType,
    TimestampNTZType,
)

WHOLE_DIGITS: dict[type[DataType], int] = {
    ByteType: 10,
    ShortType: 10,
    IntegerType: 10,
    LongType: 20,
}
"""Digits that a decimal needs before the point to hold whole numbers."""

_DIGITS = 38
_WIDER: dict[type[DataType], tuple[type[DataType], ...]] = {
    ByteType: (ShortType, IntegerType, LongType, DoubleType),
    ShortType: (IntegerType, LongType, DoubleType),
    IntegerType: (LongType, DoubleType),
    FloatType: (DoubleType,),
}


@dataclass(frozen=True)
class Widening:
    """How the types of one source grow.

    Attributes:
        fixed: names in lower case of columns that keep their types: those of hints.
        has_times: a date becomes a time without a zone.
    """

    fixed: frozenset[str]
    has_times: bool

    def wider(self, known: DataType, file: DataType) -> DataType | None:
        """Return the type that a column grows to; None to leave it, and rescue what does not fit.

        Example:
            >>> Widening(frozenset(), False).wider(IntegerType(), DecimalType(5, 2))
            DecimalType(12,2)
        """
        if type(file) in _WIDER.get(type(known), ()):
            return file
        if isinstance(known, DateType) and isinstance(file, TimestampNTZType):
            return file if self.has_times else None
        if not isinstance(known, DecimalType) and not isinstance(file, DecimalType):
            return None
        wider = common_decimal(known, file)
        return None if wider == known else wider


def common_decimal(known: DataType, file: DataType) -> DecimalType | None:
    """Return the decimal that holds two types of exact numbers; None if there is none.

    Example:
        >>> common_decimal(DecimalType(8, 1), DecimalType(5, 3))
        DecimalType(10,3)
    """
    sizes = [_whole_and_scale(known), _whole_and_scale(file)]
    whole, scale = (max(parts) for parts in zip(*sizes, strict=True))
    if min(each[0] for each in sizes) < 0 or whole + scale > _DIGITS:
        return None
    return DecimalType(whole + scale, scale)


def _whole_and_scale(kind: DataType) -> tuple[int, int]:
    """Count the digits before and after the point; -1 for what is not a number of such digits."""
    if isinstance(kind, DecimalType):
        return kind.precision - kind.scale, kind.scale
    return WHOLE_DIGITS.get(type(kind), -1), 0
