"""The columns of JSON files: Spark infers those of new files before they are read."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

from headwater.autoloader.findings import Context, Findings
from headwater.autoloader.inference import infer_columns
from headwater.autoloader.json_texts import CORRUPT, RESCUED, JsonTexts
from headwater.autoloader.storage import SourceFile
from headwater.autoloader.types import FieldPath, compare, nullable, reads_any, without_twins

_INFERENCE_SETTINGS = (
    "spark.sql.session.timeZone",
    "spark.sql.timestampType",
    "spark.sql.legacy.javaCharsets",
)


class JsonColumns:
    """Infers the columns of the JSON files of one source, and compares them with its schema."""

    def __init__(self, context: Context, texts: JsonTexts) -> None:
        self.context = context
        self.options = context.options
        self.texts = texts

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
            widening=self.context.widening,
        )
        clashing = difference.clashing
        difference.clashing = {}
        if difference.new or difference.widened:
            first = self._first_with(files, difference.new[0]) if difference.new else files[0]
            findings.add(first, difference)
        if clashing and self.options.rescued_column:
            findings.clashing = dict.fromkeys(self.texts.holding(files, clashing), clashing)
        return findings

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
        reader = session.read.options(**self.texts.reader(), recursiveFileLookup="true")
        reader = reader.option("columnNameOfCorruptRecord", CORRUPT)
        reader = reader.option("ignoreCorruptFiles", self.options.ignore_corrupt)
        schema = infer_columns(files, lambda paths: reader.json(paths).schema)
        helpers = (CORRUPT, RESCUED)
        return nullable(StructType([each for each in schema if each.name not in helpers]))

    def _first_with(self, files: Sequence[SourceFile], name: str) -> SourceFile:
        """Find a file that has a field, for the message."""
        if self.options.evolution != "failOnNewColumns":
            return files[0]
        paths: list[FieldPath] = [(name,), tuple(name.split("."))]
        return next(iter(self.texts.holding(files, {name: paths})), files[0])
