"""JSON: Spark infers the columns of new files before they are read, and reads them natively.

Columns of type STRING take any JSON value as its text. A value that does not fit another type is
NULL and is rescued from the record's text. A file with fields of another case gets a copy in
which such fields are repeated under a reserved name, for Spark's reader can't tell them apart.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
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
from headwater.autoloader.plan import StreamPlan, named
from headwater.autoloader.rescue import fragment, split, variant_fragment
from headwater.autoloader.spark_paths import spark_paths
from headwater.autoloader.storage import SourceFile
from headwater.autoloader.types import (
    compare,
    nullable,
    reads_any,
    split_hints,
    without_twins,
)

_RESCUED = "__headwater_rescued"
_CORRUPT = "__headwater_corrupt"
_ABSENT = "__headwater_absent"
_RECORD = "__headwater_record"
_MALFORMED = "__headwater_malformed"
_SUFFIXES = {
    ".gz": "gzip",
    ".bz2": "bzip2",
    ".snappy": "snappy",
    ".lz4": "lz4",
    ".zst": "zstd",
    ".deflate": "deflate",
}
_INFERENCE_SETTINGS = (
    "spark.sql.session.timeZone",
    "spark.sql.timestampType",
    "spark.sql.legacy.javaCharsets",
)
_PARSER_OPTIONS = ("linesep", "compression", "encoding", "charset")


class JsonFiles:
    """Inspects, copies and reads the JSON files of one source."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.options = context.options
        encoding = self.options.get("encoding") or self.options.get("charset")
        self.charset = "" if encoding.lower() in ("utf-8", "us-ascii") else encoding

    def broken(self, files: Sequence[SourceFile]) -> dict[SourceFile, str]:
        """JSON has no file-wide form: records are judged one by one when they are read."""
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
            findings.clashing = dict.fromkeys(self._holding(files, clashing), clashing)
        return findings

    def stage(self, file: SourceFile, clashing: Mapping[str, list[str]]) -> Path:
        """Copy a file with its fields of another case repeated under a reserved name."""
        target = self.context.staged_path(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.parts")
        document = F.col("value")
        copied = self._marked(document, clashing)
        if self.options.multi_line:
            parsed = F.from_json(document, "array<variant>", self._parser())
            marked = F.transform(parsed, lambda each: self._marked(F.to_json(each), clashing))
            array = F.concat(F.lit("["), F.array_join(marked, ","), F.lit("]"))
            copied = F.when(parsed.isNotNull(), array).otherwise(copied)
        codec = next((c for s, c in _SUFFIXES.items() if target.name.endswith(s)), "none")
        if self.charset:
            copied = F.encode(copied, self.charset).cast("string")
        with spark_paths([file]) as paths:
            writer = self._texts(paths).select(copied.alias("value")).coalesce(1).write
            line = self._line_separator()
            writer.mode("overwrite").options(compression=codec, **line).text(str(scratch))
        next(scratch.glob("part-*")).replace(target)
        shutil.rmtree(scratch)
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
        hinted = {path[0].lower() for path, _ in split_hints(self.options.hints)}
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
        fragments.append(_inside(F.col(_RESCUED)))
        if len(data) == len(plan.schema.data):
            fragments.append(fragment(self.options.corrupt_column, F.col(_MALFORMED)))
        return plan.finish(frame, columns, fragments)

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
            StructField(_RESCUED, VariantType()),
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
        text = self._decoded(text)
        if self.options.multi_line:
            return self._typed_documents(frame, read, text)
        record = F.from_json(text, "map<string,variant>", self._parser())
        names = [named(each.name) for each in read]
        frame = frame.select(*names, _RESCUED, text.alias(_CORRUPT), record.alias(_RECORD))
        malformed = F.when(F.col(_RECORD).isNull(), F.col(_CORRUPT))
        return frame.withColumn(_MALFORMED, malformed)

    def _typed_documents(self, frame: DataFrame, read: StructType, text: Column) -> DataFrame:
        """Parse typed columns of each record again: a document may hold many records."""
        typed = [each for each in read if not isinstance(each.dataType, StringType)]
        if not typed:
            none = F.lit(None).cast("map<string,variant>")
            return frame.withColumn(_MALFORMED, text).withColumn(_RECORD, none)
        again = StructType([*typed, StructField(_CORRUPT, StringType())])
        options = {**self._parser(), "columnNameOfCorruptRecord": _CORRUPT}
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
        return frame.select(*names, _RESCUED, text.alias(_MALFORMED), record.alias(_RECORD))

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
        options = {**self._parser(), "columnNameOfCorruptRecord": _CORRUPT}
        checked = F.from_json(one, schema, options)
        return given & checked.getField(_CORRUPT).isNotNull()

    def _stored(self, columns: StructType, schema: StructType) -> StructType:
        """Give inferred columns the types they are stored with."""
        nested = {
            each.name.lower()
            for each in schema
            if isinstance(each.dataType, (StructType, ArrayType, MapType))
        }
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
        with spark_paths(files) as paths:
            schema = reader.json(list(paths)).schema
        helpers = (_CORRUPT, _RESCUED)
        return nullable(StructType([each for each in schema if each.name not in helpers]))

    def _texts(self, paths: Iterable[str]) -> DataFrame:
        """Read lines, or whole documents, in one column `value`."""
        reader = self.context.spark.read.options(**self._line_separator())
        whole = self.options.multi_line
        texts = reader.text(list(paths), wholetext=whole, recursiveFileLookup=True)
        return texts.withColumn("value", self._decoded(F.col("value")))

    def _decoded(self, text: Column) -> Column:
        """Spark gives the text of a record as its bytes, whatever the encoding."""
        return F.decode(text.cast("binary"), self.charset) if self.charset else text

    def _holding(
        self, files: Sequence[SourceFile], clashing: Mapping[str, list[str]]
    ) -> list[SourceFile]:
        """Find the files that have a field at one of the paths."""
        held = F.lit(False)
        for path in _below_arrays(clashing):
            held = held | F.get_json_object("value", path).isNotNull()
        address = F.replace(F.col("_metadata.file_path"), F.lit("+"), F.lit("%2B"))
        real = F.regexp_replace(F.url_decode(address), "^file:/+", "/")
        with spark_paths(files) as paths:
            texts = self._texts(paths).filter(held).select(real.alias("path"))
            found = {row["path"] for row in texts.distinct().collect()}
            return [file for path, file in paths.items() if path in found]

    def _first_with(self, files: Sequence[SourceFile], name: str) -> SourceFile:
        """Find a file that has a field, for the message."""
        if self.options.evolution != "failOnNewColumns":
            return files[0]
        path = "$" + "".join(f"['{part}']" for part in name.split("."))
        return next(iter(self._holding(files, {name: [path]})), files[0])

    def _marked(self, record: Column, clashing: Mapping[str, list[str]]) -> Column:
        """Put the clashing fields of a record before its others, under the reserved name."""
        found = [
            F.when(F.get_json_object(record, path).isNotNull(), F.lit(name))
            for name, paths in clashing.items()
            for path in paths
        ]
        names = F.array_compact(F.array(*found))
        fields = F.from_json(record, "map<string,variant>", self._parser())
        kept = F.map_filter(fields, lambda key, _: F.array_contains(names, key))
        rest = F.substring(F.ltrim(record), F.lit(2), F.length(record))
        marked = F.concat(F.lit(f'{{"{_RESCUED}":'), F.to_json(kept), F.lit(","), rest)
        return F.when((F.size(names) > 0) & fields.isNotNull(), marked).otherwise(record)

    def _reader(self) -> dict[str, str]:
        multi_line = str(self.options.multi_line).lower()
        return {**self.options.reader, **self._line_separator(), "multiLine": multi_line}

    def _parser(self) -> dict[str, str]:
        """Options for parsing a text that was read already."""
        given = self.options.reader.items()
        return {key: value for key, value in given if key.lower() not in _PARSER_OPTIONS}

    def _line_separator(self) -> dict[str, str]:
        """Spark wants one for other encodings; a carriage return before it is white space."""
        given = self.options.get("linesep") or ("\n" if self.charset else "")
        return {"lineSep": given} if given and not self.options.multi_line else {}


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
    """A number or truth value of a hinted column, also one in quotes: a text without the hint."""
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


def _below_arrays(clashing: Mapping[str, list[str]]) -> list[str]:
    """All paths, for a document that is a record and for one that is an array of records."""
    paths = [path for each in clashing.values() for path in each]
    return paths + [path.replace("$", "$[*]", 1) for path in paths]
