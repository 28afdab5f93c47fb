"""JSON: Spark infers the columns of new files before they are read, and reads them natively.

Columns of type STRING take any JSON value as its text. A value that does not fit another type is
NULL and is rescued from the record's text. A file with fields of another case gets a copy in which
such fields are repeated under a reserved name, because Spark's reader can't tell them apart.
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
from headwater.autoloader.inference import infer_columns
from headwater.autoloader.json_texts import RESCUED, Clashing, JsonTexts
from headwater.autoloader.plan import StreamPlan, named
from headwater.autoloader.rescue import fragment, split, variant_fragment
from headwater.autoloader.storage import SourceFile
from headwater.autoloader.types import (
    FieldPath,
    compare,
    nullable,
    reads_any,
    without_twins,
)

_CORRUPT = "__headwater_corrupt"
_ABSENT = "__headwater_absent"
_RECORD = "__headwater_record"
_MALFORMED = "__headwater_malformed"
_INFERENCE_SETTINGS = (
    "spark.sql.session.timeZone",
    "spark.sql.timestampType",
    "spark.sql.legacy.javaCharsets",
)


class JsonFiles:
    """Inspects, copies and reads the JSON files of one source."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.options = context.options
        self.texts = JsonTexts(context)

    def broken(self, files: Sequence[SourceFile]) -> dict[SourceFile, str]:
        """JSON files have no header: records are checked one by one when they are read."""
        del files
        return {}

    def infer(self, files: Sequence[SourceFile]) -> StructType:
        """Infer columns: STRING at the top level unless types are to be inferred."""
        return without_twins(self._stored(self._columns(files), StructType([])))

    def inspect(self, files: Sequence[SourceFile], schema: StructType) -> Findings:
        """Compare the fields of all files with the schema; columns from paths don't count."""
        findings = Findings(schema)
        if not files or not (self.options.rescued_column or self.options.evolution != "none"):
            return findings
        told = self._columns(files)
        own = [each for each in told if each.name.lower() not in self.context.taken]
        difference = compare(
            self._stored(StructType(own), schema),
            schema,
            reads_any,
            case_sensitive=self.options.case_sensitive,
        )
        clashing = difference.clashing
        difference.clashing = {}
        if difference.new:
            findings.add(self._first_with(files, difference.new[0]), difference)
            findings.new = dict.fromkeys(difference.new, next(iter(findings.new.values())))
        if clashing and self.options.rescued_column:
            findings.clashing = dict.fromkeys(self.texts.holding(files, clashing), clashing)
        return findings

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
        text = F.when(~F.is_valid_utf8(_CORRUPT), F.col(_CORRUPT))
        return fragment(self.options.corrupt_column, text)

    def _plain_frame(self, plan: StreamPlan) -> DataFrame:
        options = {
            "mode": self.options.parse_mode,
            "columnNameOfCorruptRecord": self.options.corrupt_column,
        }
        frame = plan.read("json", plan.schema.data, {**self._reader(), **options})
        return plan.finish(frame, [named(each.name) for each in plan.schema.data])

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
            StructField(_CORRUPT, StringType()),
        ]
        frame = plan.read(
            "json",
            StructType([*native, *helpers]),
            {**self._reader(), "columnNameOfCorruptRecord": _CORRUPT},
        )
        # Spark refuses a query that needs nothing but the corrupt column
        text = F.coalesce(F.col(_CORRUPT), F.concat(F.col(_CORRUPT), F.col(_ABSENT)))
        text = self.texts.decoded(text)
        if self.options.multi_line:
            return self._typed_documents(frame, read, text)
        record = F.from_json(text, "map<string,variant>", self.texts.parser())
        names = [named(each.name) for each in read]
        frame = frame.select(*names, RESCUED, text.alias(_CORRUPT), record.alias(_RECORD))
        malformed = F.when(F.col(_RECORD).isNull(), F.col(_CORRUPT))
        return frame.withColumn(_MALFORMED, malformed)

    def _typed_documents(self, frame: DataFrame, read: StructType, text: Column) -> DataFrame:
        """Parse typed columns of each record again: a document may hold many records."""
        typed = [each for each in read if not isinstance(each.dataType, StringType)]
        if not typed:
            none = F.lit(None).cast("map<string,variant>")
            return frame.withColumn(_MALFORMED, text).withColumn(_RECORD, none)
        again = StructType([*typed, StructField(_CORRUPT, StringType())])
        options = {**self.texts.parser(), "columnNameOfCorruptRecord": _CORRUPT}
        one = F.to_json(F.struct(*[named(each.name) for each in typed]))
        frame = frame.withColumn("__headwater_typed", F.from_json(one, again, options))
        parsed = F.col("__headwater_typed")
        names = [
            named(each.name)
            if isinstance(each.dataType, StringType)
            else parsed.getField(each.name).alias(each.name)
            for each in read
        ]
        record = F.from_json(parsed.getField(_CORRUPT), "map<string,variant>")
        return frame.select(*names, RESCUED, text.alias(_MALFORMED), record.alias(_RECORD))

    def _fault(self, column: StructField, value: Column) -> Column | None:
        """Whether a value does not fit its column's type; None where any value does."""
        if isinstance(column.dataType, (StringType, VariantType)):
            return None
        original = _original(column.name)
        given = original.isNotNull() & ~F.is_variant_null(original)
        if not isinstance(column.dataType, (StructType, ArrayType, MapType)):
            return given & value.isNull()
        schema = StructType(
            [StructField("v", column.dataType), StructField(_CORRUPT, StringType())]
        )
        one = F.concat(F.lit('{"v":'), F.to_json(original), F.lit("}"))
        options = {**self.texts.parser(), "columnNameOfCorruptRecord": _CORRUPT}
        checked = F.from_json(one, schema, options)
        return given & checked.getField(_CORRUPT).isNotNull()

    def _stored(self, columns: StructType, schema: StructType) -> StructType:
        """Map inferred columns to the types that they are stored with."""
        nested = {
            each.name.lower()
            for each in schema
            if isinstance(each.dataType, (StructType, ArrayType, MapType))
        }
        nested |= {path[0].lower() for path, _ in self.options.hinted if len(path) > 1}
        if self.options.infer_types:
            return columns
        return StructType(
            [
                each if each.name.lower() in nested else StructField(each.name, StringType())
                for each in columns
            ]
        )

    def _columns(self, files: Sequence[SourceFile]) -> StructType:
        """Infer all columns of files; the answer for the last set of files is remembered."""
        memory = self.context.remembered("columns")
        key = tuple(files)
        if key not in memory:
            memory.clear()
            memory[key] = self._infer_columns(files)
        found: StructType = memory[key]
        return found

    def _infer_columns(self, files: Sequence[SourceFile]) -> StructType:
        if not files:
            return StructType([])
        spark = self.context.spark
        session = spark.newSession()  # names of another case are other columns there
        session.conf.set("spark.sql.caseSensitive", "true")
        for setting in _INFERENCE_SETTINGS:
            session.conf.set(setting, str(spark.conf.get(setting)))
        reader = session.read.options(**self._reader(), recursiveFileLookup="true")
        reader = reader.option("columnNameOfCorruptRecord", _CORRUPT)
        reader = reader.option("ignoreCorruptFiles", self.options.ignore_corrupt)
        schema = infer_columns(files, lambda paths: reader.json(paths).schema)
        helpers = (_CORRUPT, RESCUED)
        return nullable(StructType([each for each in schema if each.name not in helpers]))

    def _first_with(self, files: Sequence[SourceFile], name: str) -> SourceFile:
        """Find a file that has a field, for the message."""
        if self.options.evolution != "failOnNewColumns":
            return files[0]
        paths: list[FieldPath] = [(name,), tuple(name.split("."))]
        return next(iter(self.texts.holding(files, {name: paths})), files[0])

    def _reader(self) -> dict[str, str]:
        multi_line = str(self.options.multi_line).lower()
        return {**self.options.reader, **self.texts.line_separator(), "multiLine": multi_line}


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
