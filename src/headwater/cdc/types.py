"""Which types keep the values of others, and their order. Pure."""

from __future__ import annotations

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
    StructType,
    TimestampNTZType,
    TimestampType,
)

_DIGITS: dict[type[DataType], int] = {ByteType: 3, ShortType: 5, IntegerType: 10, LongType: 19}
_WIDER: dict[type[DataType], tuple[type[DataType], ...]] = {
    FloatType: (DoubleType,),
    DateType: (TimestampType, TimestampNTZType),
}


def keeps_values(given: DataType, stored: DataType) -> bool:
    """Whether different values of one type are different, and in the same order, as another.

    Example:
        >>> keeps_values(TimestampType(), DateType()), keeps_values(IntegerType(), LongType())
        (False, True)
    """
    if _named(given) == _named(stored) or type(stored) in _WIDER.get(type(given), ()):
        return True
    whole = _whole_and_scale(given)
    if whole is None:
        return False
    if type(stored) in _DIGITS and type(given) in _DIGITS:
        return _DIGITS[type(stored)] >= _DIGITS[type(given)]
    if not isinstance(stored, DecimalType):
        return False
    return stored.precision - stored.scale >= whole[0] and stored.scale >= whole[1]


def _named(kind: DataType) -> str:
    return StructType().add("v", kind).simpleString()  # without what may be NULL


def _whole_and_scale(kind: DataType) -> tuple[int, int] | None:
    if isinstance(kind, DecimalType):
        return kind.precision - kind.scale, kind.scale
    return (_DIGITS[type(kind)], 0) if type(kind) in _DIGITS else None
