"""JSON: Spark reads the files natively, under a schema that was inferred before.

Columns of type STRING take any JSON value as its text. A value that does not fit another type is
NULL and is rescued from the record's text. A file with fields of another case gets a copy in which
such fields are repeated under a reserved name, because Spark's reader can't tell them apart.
What does not live here: inferring columns (`json_columns`), copying (`json_texts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    MapType,
    NumericType,
    StringType,
    StructField,
    StructType,
    VariantType,
)

from headwater.autoloader.findings import Context, Findings
from headwater.autoloader.json_columns import JsonColumns
from headwater.autoloader.json_texts import CORRUPT, RESCUED, Clashing, JsonTexts
from headwater.autoloader.plan import StreamPlan, named
from headwater.autoloader.rescue import fragment, split, variant_fragment
from headwater.autoloader.storage import SourceFile

_ABSENT = "__headwater_absent"
_RECORD = "__headwater_record"
_MALFORMED = "__headwater_malformed"


class JsonFiles:
    """Reads the JSON files of one source."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.options = context.options
        self.texts = JsonTexts(context)
        self.columns = JsonColumns(context, self.texts)

    def broken(self, files: Sequence[SourceFile]) -> dict[SourceFile, str]:
        """JSON files have no header: records are checked one by one when they are read."""
        del files
        return {}

    def infer(self, files: Sequence[SourceFile]) -> StructType:
        """Infer columns: STRING at the top level unless types are to be inferred."""
        return self.columns.infer(files)

    def inspect(self, files: Sequence[SourceFile], schema: StructType) -> Findings:
        """Compare the fields of all files with the schema; columns from paths don't count."""
        return self.columns.inspect(files, schema)

    def stage(self, file: SourceFile, clashing: Clashing) -> Path:
        """Copy a file with its fields of another case repeated under a reserved name."""
        target = self.context.staged_path(file)
        self.texts.copy(file, target, clashing)
        return target

    def frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream."""
        if self.options.rescued_column is None:
            return self._plain_frame(plan)
        data = [f for f in plan.schema.data if f.name != self.options.corrupt_column]
        wide = plan.wide if self.options.rescues_new else plan.schema.data
        read = _read_types(StructType(data), wide)
        frame = self._records(plan, read)
        frame = plan.refuse_malformed(frame, F.col(_MALFORMED))
        hinted = {path[0].lower() for path, _ in self.options.hinted}
        columns, fragments = [], []
        for each in plan.schema.data:
            if each.name == self.options.corrupt_column:
                columns.append(F.col(_MALFORMED).alias(each.name))
                continue
            value = _unquoted(each) if each.name.lower() in hinted else named(each.name)
            part = split(value, read[each.name].dataType, each.dataType)
            columns.append(part.kept.alias(each.name))
            fault = self._fault(each, value)
            if fault is not None:
                fragments.append(variant_fragment(each.name, F.when(fault, _original(each.name))))
            if part.rescued is not None and part.present is not None and fault is not None:
                present = part.present & ~F.coalesce(fault, F.lit(False))
                fragments.append(fragment(each.name, part.rescued, present))
        known = {each.name for each in data}
        extra = [each.name for each in read if each.name not in known]
        fragments += [variant_fragment(name, named(name)) for name in extra]
        fragments.append(_inside(F.col(RESCUED)))
        if len(data) == len(plan.schema.data):
            fragments.append(fragment(self.options.corrupt_column, F.col(_MALFORMED)))
        return plan.finish(frame, columns, fragments, self._unreadable())

    def _unreadable(self) -> Column | None:
        """A line that is not UTF-8, which is malformed only for Spark's reader."""
        if self.options.multi_line:
            return None
        text = F.when(~F.is_valid_utf8(CORRUPT), F.col(CORRUPT))
        return fragment(self.options.corrupt_column, text)

    def _plain_frame(self, plan: StreamPlan) -> DataFrame:
        if self.options.bad_records_path is not None:
            return self._checked_frame(plan)
        options = {
            "mode": self.options.parse_mode,
            "columnNameOfCorruptRecord": self.options.corrupt_column,
        }
        frame = plan.read("json", plan.schema.data, {**self.texts.reader(), **options})
        return plan.finish(frame, [named(each.name) for each in plan.schema.data])

    def _checked_frame(self, plan: StreamPlan) -> DataFrame:
        """Build the stream without records of which a value does not fit its column."""
        read = StructType([*plan.schema.data, StructField(CORRUPT, StringType())])
        options = {**self.texts.reader(), "columnNameOfCorruptRecord": CORRUPT}
        frame = plan.read("json", read, options)
        columns = [named(each.name) for each in plan.schema.data]
        # Spark looks only at columns that a query needs: all of them decide what is bad
        nothing = F.substring(F.to_json(F.struct(*columns)), 1, 0)
        text = self.texts.decoded(F.concat(F.col(CORRUPT), nothing))
        return plan.finish(plan.refuse_malformed(frame, text), columns)

    def _records(self, plan: StreamPlan, read: StructType) -> DataFrame:
        """Read typed columns, the text of records with a fault in them, and malformed text."""
        native = [
            StructField(each.name, VariantType())
            if self.options.multi_line and not isinstance(each.dataType, StringType)
            else each
            for each in read
        ]
        helpers = [
            StructField(RESCUED, VariantType()),
            StructField(_ABSENT, StringType()),
            StructField(CORRUPT, StringType()),
        ]
        frame = plan.read(
            "json",
            StructType([*native, *helpers]),
            {**self.texts.reader(), "columnNameOfCorruptRecord": CORRUPT},
        )
        # Spark refuses a query that needs nothing but the corrupt column
        text = F.coalesce(F.col(CORRUPT), F.concat(F.col(CORRUPT), F.col(_ABSENT)))
        text = self.texts.decoded(text)
        if self.options.multi_line:
            return self._typed_documents(frame, read, text)
        record = F.from_json(text, "map<string,variant>", self.texts.parser())
        names = [named(each.name) for each in read]
        frame = frame.select(*names, RESCUED, text.alias(CORRUPT), record.alias(_RECORD))
        malformed = F.when(F.col(_RECORD).isNull(), F.col(CORRUPT))
        return frame.withColumn(_MALFORMED, malformed)

    def _typed_documents(self, frame: DataFrame, read: StructType, text: Column) -> DataFrame:
        """Parse typed columns of each record again: a document may hold many records."""
        typed = [each for each in read if not isinstance(each.dataType, StringType)]
        if not typed:
            none = F.lit(None).cast("map<string,variant>")
            return frame.withColumn(_MALFORMED, text).withColumn(_RECORD, none)
        again = StructType([*typed, StructField(CORRUPT, StringType())])
        options = {**self.texts.parser(), "columnNameOfCorruptRecord": CORRUPT}
        one = F.to_json(F.struct(*[named(each.name) for each in typed]))
        frame = frame.withColumn("__headwater_typed", F.from_json(one, again, options))
        parsed = F.col("__headwater_typed")
        names = [
            named(each.name)
            if isinstance(each.dataType, StringType)
            else parsed.getField(each.name).alias(each.name)
            for each in read
        ]
        record = F.from_json(parsed.getField(CORRUPT), "map<string,variant>")
        return frame.select(*names, RESCUED, text.alias(_MALFORMED), record.alias(_RECORD))

    def _fault(self, column: StructField, value: Column) -> Column | None:
        """Whether a value does not fit its column's type; None where any value does."""
        if isinstance(column.dataType, (StringType, VariantType)):
            return None
        original = _original(column.name)
        given = original.isNotNull() & ~F.is_variant_null(original)
        if not isinstance(column.dataType, (StructType, ArrayType, MapType)):
            return given & value.isNull()
        schema = StructType([StructField("v", column.dataType), StructField(CORRUPT, StringType())])
        one = F.concat(F.lit('{"v":'), F.to_json(original), F.lit("}"))
        options = {**self.texts.parser(), "columnNameOfCorruptRecord": CORRUPT}
        checked = F.from_json(one, schema, options)
        return given & checked.getField(CORRUPT).isNotNull()


def _read_types(schema: StructType, wide: StructType) -> StructType:
    """Read columns that the schema lacks as VARIANT, whatever they hold."""
    own = {each.name: each.dataType for each in schema}
    return StructType(
        [
            StructField(each.name, _loose(each.dataType, own[each.name]))
            if each.name in own
            else StructField(each.name, VariantType())
            for each in wide
            if each.name in own or each.name.lower() not in {n.lower() for n in own}
        ]
    )


def _loose(wide: DataType, own: DataType) -> DataType:
    if isinstance(wide, StructType) and isinstance(own, StructType):
        return _read_types(own, wide)
    if isinstance(wide, ArrayType) and isinstance(own, ArrayType):
        return ArrayType(_loose(wide.elementType, own.elementType))
    if isinstance(wide, MapType) and isinstance(own, MapType):
        return MapType(own.keyType, _loose(wide.valueType, own.valueType))
    return own


def _original(name: str) -> Column:
    return F.col(_RECORD).getItem(name)


def _unquoted(column: StructField) -> Column:
    """A number or boolean of a hinted column, quoted or not; without the hint it is text."""
    value = named(column.name)
    if not isinstance(column.dataType, (NumericType, BooleanType)):
        return value
    original = _original(column.name)
    text = F.try_variant_get(original, "$", "string")
    quoted = F.when(F.schema_of_variant(original) == "STRING", text)
    return F.coalesce(value, quoted.try_cast(column.dataType))


def _inside(value: Column) -> Column:
    """The fields of an object, as a fragment."""
    text = F.to_json(value)
    return F.when(value.isNotNull(), F.substring(text, F.lit(2), F.length(text) - 2))
