"""CSV: the stream of fields as text by position, each put under its column and given its type."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    FractionalType,
    IntegralType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
    VariantType,
)

from headwater.autoloader.csv_headers import Header
from headwater.autoloader.plan import StreamPlan
from headwater.autoloader.rescue import fragment
from headwater.errors import DefinitionError

_CORRUPT = "__headwater_corrupt"
_GROUP = "__headwater_group"
_OVERFLOW = 64
"""How many extra fields the rescued data names one by one; the rest are kept as text."""

_LOCAL = StructType([StructField("v", TimestampNTZType())])


class CsvLayout:
    """Where the columns of a schema are in the files of one run.

    Files with the same header form a group; group 0 is the most frequent header.

    Args:
        headers: of each file that is going to be read, by its own path.
        reader: options for Spark's reader.
        taken: names in lower case that are not columns of files: those from paths.
    """

    def __init__(
        self,
        plan: StreamPlan,
        headers: Mapping[str, Header],
        reader: Mapping[str, str],
        taken: Collection[str],
    ) -> None:
        self.plan = plan
        self.reader = reader
        self.taken = taken
        self.options = plan.options
        counts = Counter(headers.values())
        usual = tuple(each.name for each in plan.schema.data)
        self.groups: list[Header] = [header for header, _ in counts.most_common()] or [usual]
        numbers = {header: number for number, header in enumerate(self.groups)}
        self.odd: dict[int, list[str]] = {}
        for path, header in headers.items():
            if numbers[header]:
                self.odd.setdefault(numbers[header], []).append(path)
        self.width = max(1, *(len(header) for header in self.groups))

    def frame(self) -> DataFrame:
        """Build the stream."""
        frame = self._records()
        malformed = self._malformed()
        if self.options.bad_records_path is not None and not self.options.rescued_column:
            malformed = F.coalesce(malformed, self._unfit())
        frame = self.plan.refuse_malformed(frame, malformed)
        columns, fragments = [], []
        for each in self.plan.schema.data:
            if each.name == self.options.corrupt_column:
                columns.append(malformed.alias(each.name))
                fragments.append(fragment(each.name, self._text(self._positions(each.name))))
                continue
            text = self._text(self._positions(each.name))
            value = self._value(text, each)
            columns.append(value.alias(each.name))
            if not isinstance(each.dataType, StringType):
                fragments.append(fragment(each.name, F.when(value.isNull(), text)))
        if self.options.rescued_column:
            fragments += self._unknown() + self._overflow()
        return self.plan.finish(frame, columns, fragments)

    def _records(self) -> DataFrame:
        fields = [StructField(f"_c{i}", StringType()) for i in range(self.width)]
        read = StructType([*fields, StructField(_CORRUPT, StringType())])
        options = {
            **self.reader,
            "columnNameOfCorruptRecord": _CORRUPT,
            "columnPruning": "false",
            "mode": "PERMISSIVE",
        }
        frame = self.plan.read("csv", read, options)
        # Spark refuses a query that needs nothing but the corrupt column
        corrupt, first = F.col(_CORRUPT), F.col("_c0")
        text = F.coalesce(corrupt, F.concat(corrupt, first))
        return frame.select(
            *[f"_c{i}" for i in range(self.width)],
            text.alias(_CORRUPT),
            self._group(frame).alias(_GROUP),
        )

    def _again(self, width: int) -> Column:
        """Split the text of a record once more, into a given number of fields."""
        columns = ", ".join(f"_c{i} STRING" for i in range(width))
        given = self.reader
        parser = {k: v for k, v in given.items() if k not in ("header", "multiLine")}
        parser["columnNameOfCorruptRecord"] = _CORRUPT
        return F.from_csv(F.col(_CORRUPT), f"{columns}, {_CORRUPT} STRING", parser)

    def _group(self, frame: DataFrame) -> Column:
        group = F.lit(0)
        for number, paths in self.odd.items():
            group = F.when(self.plan.real_path(frame).isin(paths), F.lit(number)).otherwise(group)
        return group

    def _positions(self, name: str) -> dict[int, int]:
        """Where a column is, by group."""
        found = {}
        for group, header in enumerate(self.groups):
            names = list(header) if self.options.case_sensitive else [n.lower() for n in header]
            wanted = name if self.options.case_sensitive else name.lower()
            if wanted in names:
                found[group] = names.index(wanted)
        return found

    def _text(self, positions: Mapping[int, int]) -> Column:
        """The text at a position that depends on the group."""
        if not self.odd:
            return F.col(f"_c{positions[0]}") if 0 in positions else F.lit(None).cast("string")
        text = F.lit(None).cast("string")
        for group, position in positions.items():
            text = F.when(F.col(_GROUP) == group, F.col(f"_c{position}")).otherwise(text)
        return text

    def _value(self, text: Column, column: StructField) -> Column:
        kind = column.dataType
        if isinstance(kind, StringType):
            return text
        if isinstance(kind, (StructType, ArrayType, MapType, VariantType)):
            raise DefinitionError(
                "AUTOLOADER_TYPE_NOT_BUILT",
                f"A CSV file has no column of type {kind.simpleString()}: '{column.name}'",
                hint="Read it as STRING and use from_json.",
                column=column.name,
            )
        return _typed_text(text, kind, self.options.get)

    def _unknown(self) -> list[Column]:
        """The text of columns that the schema lacks: new ones in mode rescue, other cases."""
        known = {each.name for each in self.plan.schema.data}
        lowered = {name.lower() for name in known}
        found: dict[str, dict[int, int]] = {}
        for group, header in enumerate(self.groups):
            for position, name in enumerate(header):
                other_case = self.options.case_sensitive and name.lower() in lowered
                wanted = other_case or self.options.rescues_new
                same = not self.options.case_sensitive and name.lower() in lowered
                taken = name.lower() in self.taken
                if name not in known and wanted and not same and not taken:
                    found.setdefault(name, {})[group] = position
        return [fragment(name, self._text(positions)) for name, positions in found.items()]

    def _overflow(self) -> list[Column]:
        """Fields beyond a file's columns, and the text of records with far too many."""
        found = []
        narrow = min(len(header) for header in self.groups)
        for position in range(narrow, self.width):
            beyond = [g for g, header in enumerate(self.groups) if len(header) <= position]
            inside = F.when(F.col(_GROUP).isin(beyond), F.col(f"_c{position}"))
            found.append(fragment(f"_c{position}", inside))
        record = F.col(_CORRUPT)
        room = self.width + _OVERFLOW
        separator = self.options.get("sep") or self.options.get("delimiter") or ","
        fields = F.size(F.split(record, re.escape(separator)))
        known = [*(f"_c{i}" for i in range(self.width)), _CORRUPT]
        split = F.from_json(F.to_json(self._again(room)), "map<string,string>")
        over = F.map_filter(split, lambda name, _: ~name.isin(known))
        text = F.to_json(over)
        inside = F.when(F.size(over) > 0, F.substring(text, F.lit(2), F.length(text) - 2))
        whole = fragment(self.options.corrupt_column, record)
        found.append(F.when(record.isNotNull(), F.when(fields > room, whole).otherwise(inside)))
        return found

    def _unfit(self) -> Column:
        """The text of a record with a value that does not fit its column."""
        unfit = F.lit(False)
        for each in self.plan.schema.data:
            if each.name != self.options.corrupt_column and not isinstance(
                each.dataType, StringType
            ):
                text = self._text(self._positions(each.name))
                unfit = unfit | (text.isNotNull() & self._value(text, each).isNull())
        separator = self.options.get("sep") or self.options.get("delimiter") or ","
        fields = F.struct(*[f"_c{i}" for i in range(self.width)])
        return F.when(unfit, F.to_csv(fields, {"sep": separator}))

    def _malformed(self) -> Column:
        """The text of a record that has more fields than its file has columns, or fewer."""
        text = F.col(_CORRUPT)
        separator = self.options.get("sep") or self.options.get("delimiter") or ","
        fields = [F.col(f"_c{i}") for i in range(self.width)]
        for group, header in enumerate(self.groups):
            if len(header) < self.width:  # Spark counts all its records for short
                counted = self._again(max(1, len(header)))[_CORRUPT]
                beyond = [F.col(f"_c{i}") for i in range(len(header), self.width)]
                full = F.when(F.coalesce(*beyond).isNotNull(), F.concat_ws(separator, *fields))
                own = F.when(F.col(_CORRUPT).isNotNull(), counted).otherwise(full)
                text = F.when(F.col(_GROUP) == group, own).otherwise(text)
        return text


def _typed_text(text: Column, kind: DataType, option: Callable[[str], str]) -> Column:
    """Give text a type as Spark's CSV reader does, which takes less than a cast, or more."""
    if isinstance(kind, (IntegralType, DecimalType)):
        text = F.when(F.trim(text) == text, text)
        digits = F.replace(text, F.lit(","), F.lit(""))
        return (digits if isinstance(kind, DecimalType) else text).try_cast(kind)
    if isinstance(kind, FractionalType):
        other = F.lower(F.trim(text)).isin("inf", "+inf", "-inf") & ~text.isin("Inf", "-Inf")
        return F.when(~other, text).try_cast(kind)
    if isinstance(kind, BooleanType):
        lowered = F.lower(text)
        return F.when(lowered.isin("true", "false"), lowered.cast("boolean"))
    if isinstance(kind, DateType) and option("dateformat"):
        return F.try_to_date(text, option("dateformat"))
    if isinstance(kind, TimestampType) and option("timezone"):
        return _in_zone(text, option("timestampformat"), option("timezone"))
    if isinstance(kind, TimestampType) and option("timestampformat"):
        return F.try_to_timestamp(text, F.lit(option("timestampformat"))).cast(kind)
    if isinstance(kind, TimestampNTZType) and option("timestampntzformat"):
        return _local_time(text, option("timestampntzformat"))
    return text.try_cast(kind)


def _in_zone(text: Column, form: str, zone: str) -> Column:
    """Parse times that are of a zone where they name none."""
    options = {"timeZone": zone, **({"timestampFormat": form} if form else {})}
    read = F.from_json(F.to_json(F.struct(text.alias("v"))), "v TIMESTAMP", options)
    return read.getField("v")


def _local_time(text: Column, form: str) -> Column:
    """Parse times without a zone; via TIMESTAMP, times that a zone skips would be moved."""
    read = F.from_json(F.to_json(F.struct(text.alias("v"))), _LOCAL, {"timestampNTZFormat": form})
    return read.getField("v")
