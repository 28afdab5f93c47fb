"""Compare, widen and hint schemas: pure functions on Spark types.

A source has a schema; each file has columns of its own. `compare` says what a file adds to the
schema, and which of its columns can't be read under it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Union, cast

from pyspark.sql.types import (
    ArrayType,
    BinaryType,
    ByteType,
    DataType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    NumericType,
    ShortType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from headwater.autoloader.widening import WHOLE_DIGITS, Widening, common_decimal
from headwater.names import unquoted

_NAME = r"(?:`(?:[^`]|``)+`|[^\s.`:]+)"
_PIECE = r"`(?:[^`]|``)*`|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|."
"""A quoted name, a string such as a comment, or any other character."""

Common = Callable[[DataType, DataType], DataType]
"""Returns the type of values of two types."""

_MOMENTS = (DateType, TimestampType, TimestampNTZType)

CanRead = Callable[[DataType, DataType], bool]
"""Whether values of the first type can be read as the second."""

_WIDER: dict[type[DataType], tuple[type[DataType], ...]] = {
    ByteType: (ShortType, IntegerType, LongType, DoubleType),
    ShortType: (IntegerType, LongType, DoubleType),
    IntegerType: (LongType, DoubleType),
    FloatType: (DoubleType,),
    DateType: (TimestampNTZType,),
    TimestampNTZType: (TimestampType,),
    StringType: (BinaryType,),
    BinaryType: (StringType,),
}


class Every(Enum):
    """Steps of a path that have no name."""

    ELEMENT = "of an array"
    VALUE = "of a map"


FieldPath = tuple[Union[str, Every], ...]  # noqa: UP007 - Python 3.10
"""Where a field is: names from the top down, and steps into arrays and maps."""


Hint = tuple[tuple[str, ...], str]
"""A column's path and its type, as `schemaHints` has it."""


@dataclass
class Difference:
    """How the columns of a file differ from a schema.

    Attributes:
        schema: the schema with the new columns appended at the end.
        new: dotted names of the new columns.
        widened: dotted names of the columns whose type grew.
        clashing: top-level columns, as the file spells them, that can't be read under the
            schema for another type or another case, with the paths of what is to blame.
    """

    schema: StructType
    new: list[str] = field(default_factory=list)
    widened: list[str] = field(default_factory=list)
    clashing: dict[str, list[FieldPath]] = field(default_factory=dict)


def compare(
    columns: StructType,
    schema: StructType,
    can_read: CanRead,
    *,
    case_sensitive: bool,
    widening: Widening | None = None,
) -> Difference:
    """Compare a file's columns with a schema.

    Args:
        case_sensitive: a name that differs by case only clashes; otherwise it is the same.
        widening: how types grow, None where they stay.
    """
    found = Difference(schema)
    fields = list(schema.fields)
    seen: set[str] = set()
    for column in columns:
        index = _index(fields, column.name)
        if column.name.lower() in seen or (
            index is not None and case_sensitive and fields[index].name != column.name
        ):
            found.clashing[column.name] = [(column.name,)]
            continue
        seen.add(column.name.lower())
        if index is None:
            fields.append(StructField(column.name, column.dataType))
            found.new.append(column.name)
            continue
        is_fixed = widening is not None and column.name.lower() in widening.fixed
        merged = _Merge(can_read, case_sensitive, None if is_fixed else widening)
        known = fields[index].dataType
        wider = merged.types(column.dataType, known, fields[index].name, (column.name,))
        if merged.clashes:
            found.clashing[column.name] = merged.clashes
        elif merged.new or (merged.widened and wider != known):
            fields[index] = StructField(fields[index].name, wider)
            found.new += merged.new
            found.widened += merged.widened
    found.schema = without_twins(StructType(fields))
    return found


@dataclass
class _Merge:
    """Merge a file's type into a schema's type, below one top-level column."""

    can_read: CanRead
    case_sensitive: bool
    widening: Widening | None = None
    new: list[str] = field(default_factory=list)
    widened: list[str] = field(default_factory=list)
    clashes: list[FieldPath] = field(default_factory=list)

    def types(self, file: DataType, known: DataType, name: str, path: FieldPath) -> DataType:
        if isinstance(file, StructType) and isinstance(known, StructType):
            return self._structs(file, known, name, path)
        if isinstance(file, ArrayType) and isinstance(known, ArrayType):
            below = (*path, Every.ELEMENT)
            return ArrayType(self.types(file.elementType, known.elementType, name, below))
        if isinstance(file, MapType) and isinstance(known, MapType):
            self.types(file.keyType, known.keyType, name, path)
            value = self.types(file.valueType, known.valueType, name, (*path, Every.VALUE))
            return MapType(known.keyType, value)
        wider = self.widening.wider(known, file) if self.widening else None
        if wider is not None:
            self.widened.append(name)
            return wider
        if not self.can_read(file, known):
            self.clashes.append(path)
        elif isinstance(file, StructType) and isinstance(known, MapType):
            return self._values(file, known, name, path)
        return known

    def _values(self, file: StructType, known: MapType, name: str, path: FieldPath) -> DataType:
        """Merge an object that is read as a map: all its fields are of one type."""
        value = known.valueType
        for each in file:
            value = self.types(each.dataType, value, name, (*path, Every.VALUE))
        self.clashes = list(dict.fromkeys(self.clashes))
        return MapType(known.keyType, value)

    def _structs(self, file: StructType, known: StructType, name: str, path: FieldPath) -> DataType:
        fields = list(known.fields)
        for each in file:
            index = _index(fields, each.name)
            if index is None:
                fields.append(StructField(each.name, each.dataType))
                self.new.append(f"{name}.{each.name}")
                continue
            own = fields[index]
            below = (*path, each.name)
            if self.case_sensitive and own.name != each.name:
                self.clashes.append(below)
                continue
            merged = self.types(each.dataType, own.dataType, f"{name}.{own.name}", below)
            fields[index] = StructField(own.name, merged)
        return StructType(fields)


def _index(fields: Sequence[StructField], name: str) -> int | None:
    lowered = name.lower()
    return next((i for i, each in enumerate(fields) if each.name.lower() == lowered), None)


def widens(file: DataType, schema: DataType) -> bool:
    """Whether Spark's Parquet reader gives a file's values of one type as another, without loss.

    Stricter than the reader, which also gives an int as a date and cuts an int to a byte.
    """
    if _nullable(file) == _nullable(schema):
        return True
    if isinstance(schema, DecimalType):
        whole = schema.precision - schema.scale
        if isinstance(file, DecimalType):
            return schema.scale >= file.scale and whole >= file.precision - file.scale
        return whole >= WHOLE_DIGITS.get(type(file), 39)
    return type(schema) in _WIDER.get(type(file), ())


def reads_any(file: DataType, schema: DataType) -> bool:
    """Treat every type as readable: the format decides value by value."""
    del file, schema
    return True


def widest(schemas: Sequence[StructType], common: Common | None = None) -> StructType:
    """Merge the columns of sampled files: the widest type of each, else the first.

    Args:
        common: returns the type of values of two types; by default that of Parquet's columns.
    """
    merged = StructType([])
    for each in schemas:
        merged = _widest_struct(merged, each, common or stored_type)
    return merged


def _widest_struct(first: StructType, second: StructType, common: Common) -> StructType:
    fields = list(first.fields)
    for each in second:
        index = _index(fields, each.name)
        if index is None:
            fields.append(StructField(each.name, each.dataType))
        else:
            wider = _widest(fields[index].dataType, each.dataType, common)
            fields[index] = StructField(fields[index].name, wider)
    return StructType(fields)


def _widest(first: DataType, second: DataType, common: Common) -> DataType:
    if isinstance(first, StructType) and isinstance(second, StructType):
        return _widest_struct(first, second, common)
    if isinstance(first, ArrayType) and isinstance(second, ArrayType):
        return ArrayType(_widest(first.elementType, second.elementType, common))
    if isinstance(first, MapType) and isinstance(second, MapType):
        return MapType(first.keyType, _widest(first.valueType, second.valueType, common))
    return common(first, second)


def stored_type(first: DataType, second: DataType) -> DataType:
    """Return the type that values of two types can be read as, the first if there is none."""
    if widens(first, second):
        return second
    if widens(second, first):
        return first
    return common_decimal(first, second) or first


def text_type(first: DataType, second: DataType) -> DataType:
    """Return the type of text that was inferred as two types; STRING takes everything.

    As Spark's inference merges the rows of one file: numbers become DOUBLE where no exact type
    holds both, a date and a time a time.
    """
    both = (first, second)
    if widens(first, second):
        return second
    if widens(second, first):
        return first
    if all(isinstance(each, NumericType) for each in both):
        return common_decimal(*both) or DoubleType()
    if all(isinstance(each, _MOMENTS) for each in both):
        return next(each for each in both if isinstance(each, TimestampType))
    return StringType()


def without_twins(schema: StructType) -> StructType:
    """Keep the first of columns whose names differ only by case, at every depth."""
    return cast(StructType, _untwinned(schema))


def _untwinned(kind: DataType) -> DataType:
    if isinstance(kind, StructType):
        first: dict[str, StructField] = {}
        for each in kind:
            field = StructField(each.name, _untwinned(each.dataType), True, each.metadata)
            first.setdefault(each.name.lower(), field)
        return StructType(list(first.values()))
    if isinstance(kind, ArrayType):
        return ArrayType(_untwinned(kind.elementType))
    if isinstance(kind, MapType):
        return MapType(kind.keyType, _untwinned(kind.valueType))
    return kind


def nullable(schema: StructType) -> StructType:
    """Return a schema in which everything may be NULL."""
    return StructType(
        [StructField(f.name, _nullable(f.dataType), True, f.metadata) for f in schema]
    )


def _nullable(kind: DataType) -> DataType:
    if isinstance(kind, StructType):
        return StructType([StructField(f.name, _nullable(f.dataType)) for f in kind])
    if isinstance(kind, ArrayType):
        return ArrayType(_nullable(kind.elementType))
    if isinstance(kind, MapType):
        return MapType(_nullable(kind.keyType), _nullable(kind.valueType))
    return kind


def parse_ddl(text: str) -> StructType:
    """Parse the columns of a DDL text.

    Raises:
        ParseException: it is none.
    """
    return cast(StructType, StructType.fromDDL(text))


def split_hints(text: str) -> list[Hint]:
    """Split `schemaHints` into pairs of a column's path and its type.

    Raises:
        ValueError: a part is not a name with a type.

    Example:
        >>> split_hints("id BIGINT, address.zip STRING")
        [(('id',), 'BIGINT'), (('address', 'zip'), 'STRING')]
    """
    found = []
    for part in _split_commas(text):
        match = re.fullmatch(rf"\s*({_NAME}(?:\.{_NAME})*)[\s:]+(.+?)\s*", part, re.DOTALL)
        if not match:
            raise ValueError(part.strip())
        names = re.findall(_NAME, match[1])
        found.append((tuple(map(unquoted, names)), match[2]))
    return found


def _split_commas(text: str) -> list[str]:
    """Split at the commas outside of names, types and comments."""
    parts, depth = [""], 0
    for piece in re.findall(_PIECE, text, re.DOTALL):
        depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(piece, 0)
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part for part in parts if part.strip()]


def apply_hint(schema: StructType, path: Sequence[str], kind: DataType) -> StructType:
    """Set type and spelling of the column at a dotted path, adding it when it isn't there."""
    fields = list(schema.fields)
    index = _index(fields, path[0])
    if index is None:
        fields.append(StructField(path[0], _hinted(None, path[1:], kind)))
    else:
        known = fields[index].dataType
        fields[index] = StructField(path[0], _hinted(known, path[1:], kind))
    return StructType(fields)


def _merge_hint(known: DataType | None, kind: DataType) -> DataType:
    """Keep the nested columns that a hint doesn't name: they were found later."""
    if isinstance(known, StructType) and isinstance(kind, StructType):
        for each in kind:
            known = apply_hint(known, (each.name,), each.dataType)
        return known
    if isinstance(known, ArrayType) and isinstance(kind, ArrayType):
        return ArrayType(_merge_hint(known.elementType, kind.elementType))
    if isinstance(known, MapType) and isinstance(kind, MapType):
        return MapType(kind.keyType, _merge_hint(known.valueType, kind.valueType))
    return kind


def _hinted(known: DataType | None, path: Sequence[str], kind: DataType) -> DataType:
    if not path:
        return _merge_hint(known, kind)
    if isinstance(known, ArrayType) and path[0] == "element":
        return ArrayType(_hinted(known.elementType, path[1:], kind))
    if isinstance(known, MapType) and path[0] == "value":
        return MapType(known.keyType, _hinted(known.valueType, path[1:], kind))
    if isinstance(known, MapType) and path[0] == "key":
        return MapType(_hinted(known.keyType, path[1:], kind), known.valueType)
    struct = known if isinstance(known, StructType) else StructType([])
    return apply_hint(struct, path, kind)
