"""The parts that the frames of all formats share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StringType, StructType

from headwater.autoloader.manifest import Entry
from headwater.autoloader.partitions import partition_value
from headwater.autoloader.request import Options
from headwater.autoloader.rescue import rescued_object
from headwater.autoloader.schema_log import SourceSchema
from headwater.autoloader.storage import COLON, STAGED
from headwater.names import quote

MALFORMED = "HEADWATER_MALFORMED_RECORD"
"""Marks the error that a record which can't be parsed raises under FAILFAST."""

_SHOW_PATH = "spark.databricks.sql.rescuedDataColumn.filePath.enabled"
_EVER = "9000000000000000000ms"
_AS_PATTERNS = "__globPaths__"
"""Spark's option of whether paths are patterns: names of files may look like one."""

_NO_FILE = "*.nowhere"
"""A pattern that no file matches: Spark's reader needs a folder that is there."""


@dataclass(frozen=True)
class StreamPlan:
    """What a frame is built from.

    Attributes:
        manifest: folder Spark reads the list of files from.
        schema: columns the frame has.
        wide: columns of the files; wider than the schema where new fields are rescued.
        pending: entries that are not committed yet.
        is_batch: read the pending entries once, rather than the manifest as a stream.
    """

    spark: SparkSession
    options: Options
    manifest: Path
    schema: SourceSchema
    wide: StructType
    pending: Sequence[Entry] = ()
    is_batch: bool = False

    def read(self, file_format: str, schema: StructType, more: Mapping[str, str]) -> DataFrame:
        """Read the files with Spark's own reader."""
        options = self.options
        if self.is_batch:
            return self._read_batch(file_format, schema, more)
        reader = self.spark.readStream.format(file_format).schema(schema)
        reader = reader.options(**{**more, "recursiveFileLookup": "true", "maxFileAge": _EVER})
        if options.max_bytes is None:
            reader = reader.option("maxFilesPerTrigger", options.max_files)
        else:
            reader = reader.option("maxBytesPerTrigger", options.max_bytes)
        return reader.options(**self._tolerance()).load(str(self.manifest))

    def _read_batch(
        self, file_format: str, schema: StructType, more: Mapping[str, str]
    ) -> DataFrame:
        reader = self.spark.read.format(file_format).schema(schema)
        reader = reader.options(**more, **self._tolerance())
        if self.pending:
            reader = reader.option(_AS_PATTERNS, "false")
            return reader.load([entry.path for entry in self.pending])
        return reader.option("pathGlobFilter", _NO_FILE).load(str(Path(__file__).parent))

    def _tolerance(self) -> dict[str, str]:
        return {
            "ignoreCorruptFiles": str(self.options.ignore_corrupt).lower(),
            "ignoreMissingFiles": str(self.options.ignore_missing).lower(),
        }

    def finish(
        self,
        frame: DataFrame,
        columns: Sequence[Column],
        fragments: Sequence[Column] = (),
        otherwise: Column | None = None,
    ) -> DataFrame:
        """Select the columns of the schema, the partitions and the rescued data.

        Args:
            otherwise: a fragment for records of which nothing else is rescued.
        """
        path = self.real_path(frame)
        partitions = [
            as_type(partition_value(path, each.name), each.dataType).alias(each.name)
            for each in self.schema.partitions
        ]
        rescued = self.options.rescued_column
        if rescued is None:
            return frame.select(*columns, *partitions)
        shown = self.spark.conf.get(_SHOW_PATH, "true") != "false"
        address = self.file_address(frame) if shown else None
        told = rescued_object(fragments, address, otherwise)
        return frame.select(*columns, *partitions, told.alias(rescued))

    def file_address(self, frame: DataFrame) -> Column:
        """The file's address as `_metadata.file_path` gives it; a copy gives its original."""
        address = frame.metadataColumn("_metadata").getField("file_path")  # files may have a column
        if not any(entry.path != entry.origin for entry in self.pending):
            return address
        marker = f"/{STAGED}/"
        name = F.substring_index(address, marker, -1)
        remote = F.regexp_replace(name, "^~(abfss?)/([^/]+)/([^/]+)/", "$1://$2@$3/")
        local = F.concat(F.lit("file:/"), name)
        original = F.when(name.rlike("^~abfss?/"), remote).otherwise(local)
        original = F.replace(original, F.lit(COLON), F.lit(":"))
        return F.when(F.contains(address, F.lit(marker)), original).otherwise(address)

    def real_path(self, frame: DataFrame) -> Column:
        """The file's path, without the escapes of an address."""
        escaped = F.replace(self.file_address(frame), F.lit("+"), F.lit("%2B"))
        return F.regexp_replace(F.url_decode(escaped), "^file:/+", "/")

    def refuse_malformed(self, frame: DataFrame, malformed: Column) -> DataFrame:
        """Drop malformed records or fail on them, as the option `mode` says."""
        if self.options.parse_mode == "DROPMALFORMED":
            return frame.filter(malformed.isNull())
        if self.options.parse_mode == "FAILFAST":
            text = F.concat(F.lit(f"[{MALFORMED}] "), self.file_address(frame))
            broken = F.when(malformed.isNotNull(), F.raise_error(text).cast("boolean"))
            return frame.filter(broken.otherwise(F.lit(True)))
        return frame


def named(name: str) -> Column:
    """A column by its exact name, whatever characters it holds."""
    return F.col(quote(name))


def as_type(text: Column, kind: DataType) -> Column:
    """Read text as a type; NULL where it can't be."""
    return text if isinstance(kind, StringType) else text.try_cast(kind)
