"""The text of JSON files: records with fields of another case, and copies that show them.

Spark's reader can't tell `City` from `city`. A copy of a file has the fields that clash repeated
before the others, under a reserved name.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, MapType, StringType, StructField, StructType
from pyspark.sql.types import VariantType as Variant

from headwater.autoloader.findings import Context
from headwater.autoloader.spark_paths import spark_paths
from headwater.autoloader.storage import SourceFile
from headwater.autoloader.types import Every, FieldPath

CORRUPT = "__headwater_corrupt"
"""Column that Spark's reader puts the text of a record into that it can't parse."""

RESCUED = "__headwater_rescued"
"""Field of a copied record that holds what clashes."""

_SUFFIXES = {
    ".gz": "gzip",
    ".bz2": "bzip2",
    ".snappy": "snappy",
    ".lz4": "lz4",
    ".zst": "zstd",
    ".deflate": "deflate",
}
_READER_ONLY = ("linesep", "compression", "encoding", "charset")

Clashing = Mapping[str, Sequence[FieldPath]]


class JsonTexts:
    """Reads and copies the JSON files of one source as text.

    Attributes:
        charset: encoding of the files, empty where their bytes can be read as UTF-8.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.options = context.options
        encoding = self.options.get("encoding") or self.options.get("charset")
        self.charset = "" if encoding.lower() in ("utf-8", "us-ascii") else encoding

    def decoded(self, text: Column) -> Column:
        """Decode text as Spark returns it: as its bytes, whatever the encoding."""
        return F.decode(text.cast("binary"), self.charset) if self.charset else text

    def parser(self) -> dict[str, str]:
        """Options for parsing text that was already read."""
        given = self.options.reader.items()
        return {key: value for key, value in given if key.lower() not in _READER_ONLY}

    def line_separator(self) -> dict[str, str]:
        """Other encodings need one in Spark; a carriage return before it is white space."""
        given = self.options.get("linesep") or ("\n" if self.charset else "")
        return {"lineSep": given} if given and not self.options.multi_line else {}

    def reader(self) -> dict[str, str]:
        """Options for Spark's reader."""
        multi_line = str(self.options.multi_line).lower()
        return {**self.options.reader, **self.line_separator(), "multiLine": multi_line}

    def holding(self, files: Sequence[SourceFile], clashing: Clashing) -> list[SourceFile]:
        """Find the files that have a field at one of the paths."""
        held = F.lit(False)
        for paths in clashing.values():
            held = held | self._held(F.col("value"), paths)
        address = F.replace(F.col("_metadata.file_path"), F.lit("+"), F.lit("%2B"))
        real = F.regexp_replace(F.url_decode(address), "^file:/+", "/")
        with spark_paths(files) as paths_of:
            texts = self._texts(paths_of).filter(held).select(real.alias("path"))
            found = {row["path"] for row in texts.distinct().collect()}
            return [file for path, file in paths_of.items() if path in found]

    def copy(self, file: SourceFile, target: Path, clashing: Clashing) -> None:
        """Copy a file, with its fields of another case repeated under the reserved name."""
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = target.with_name(f".{target.name}.parts")
        document = F.col("value")
        parsed = F.from_json(document, "array<variant>", self.parser())
        marked = F.transform(parsed, lambda each: self._marked(F.to_json(each), clashing))
        array = F.concat(F.lit("["), F.array_join(marked, ","), F.lit("]"))
        copied = F.when(parsed.isNotNull(), array).otherwise(self._marked(document, clashing))
        if self.charset:
            copied = F.encode(copied, self.charset).cast("string")
        codec = next((c for s, c in _SUFFIXES.items() if target.name.lower().endswith(s)), "none")
        with spark_paths([file]) as paths:
            writer = self._texts(paths).select(copied.alias("value")).coalesce(1).write
            line = self.line_separator()
            writer.mode("overwrite").options(compression=codec, **line).text(str(scratch))
        next(scratch.glob("part-*")).replace(target)
        shutil.rmtree(scratch)

    def _texts(self, paths: Iterable[str]) -> DataFrame:
        """Read lines, or whole documents, in one column `value`."""
        reader = self.context.spark.read.options(**self.line_separator())
        whole = self.options.multi_line
        texts = reader.text(list(paths), wholetext=whole, recursiveFileLookup=True)
        return texts.withColumn("value", self.decoded(F.col("value")))

    def _marked(self, record: Column, clashing: Clashing) -> Column:
        """Put the clashing fields of a record before its others, under the reserved name."""
        found = [F.when(self._held(record, paths), F.lit(name)) for name, paths in clashing.items()]
        names = F.array_compact(F.array(*found))
        fields = F.from_json(record, "map<string,variant>", self.parser())
        kept = F.map_filter(fields, lambda key, _: F.array_contains(names, key))
        rest = F.substring(F.ltrim(record), F.lit(2), F.length(record))
        marked = F.concat(F.lit(f'{{"{RESCUED}":'), F.to_json(kept), F.lit(","), rest)
        return F.when((F.size(names) > 0) & fields.isNotNull(), marked).otherwise(record)

    def _held(self, text: Column, paths: Sequence[FieldPath]) -> Column:
        """Whether a record, or one of an array of records, has a field at one of the paths."""
        found = F.lit(False)
        for path in paths:
            records = F.from_json(text, ArrayType(_probe(path)), self.parser())
            found = found | F.coalesce(_present(records, (Every.ELEMENT, *path)), F.lit(False))
        return found


def _probe(path: FieldPath) -> DataType:
    """A type with only the field at a path."""
    if not path:
        return Variant()
    below = _probe(path[1:])
    if path[0] is Every.ELEMENT:
        return ArrayType(below)
    if path[0] is Every.VALUE:
        return MapType(StringType(), below)
    return StructType([StructField(path[0], below)])


def _present(value: Column, path: FieldPath) -> Column:
    if not path:
        return value.isNotNull() & ~F.is_variant_null(value)
    if path[0] is Every.ELEMENT:
        return F.exists(value, lambda each: _present(each, path[1:]))
    if path[0] is Every.VALUE:
        return F.exists(F.map_values(value), lambda each: _present(each, path[1:]))
    return _present(value.getField(path[0]), path[1:])
