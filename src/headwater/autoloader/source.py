"""One source while it is defined or opened: its request as read, and its files as listed."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from headwater.autoloader.discovery import base_folder, list_files
from headwater.autoloader.findings import Context, FileFormat
from headwater.autoloader.formats import FORMATS, Format
from headwater.autoloader.options import read_options
from headwater.autoloader.request import CloudFiles, Options, SourceState
from headwater.autoloader.schema_log import SchemaLog
from headwater.autoloader.spark_paths import is_special
from headwater.autoloader.storage import SourceFile, Storage, storage_of
from headwater.autoloader.variant_files import VariantFiles, variant_columns
from headwater.errors import DefinitionError, SourceFileError


@dataclass(frozen=True)
class Source:
    """What the schema of a source and the discovery of its files both start from."""

    spark: SparkSession
    request: CloudFiles
    place: SourceState
    options: Options
    storage: Storage

    @property
    def row(self) -> Format:
        """What differs between formats."""
        return FORMATS[self.options.format.lower()]

    @property
    def base(self) -> str:
        """The folder that all files are below."""
        return base_folder(self.request, self.storage)

    @property
    def schema_log(self) -> SchemaLog:
        """The versions of the source's schema."""
        place = self.place
        return SchemaLog(self.options.schema_location or place.schemas or place.folder)

    def context(self, partitions: StructType | None = None) -> Context:
        """Return what a format needs to know, columns from paths included."""
        taken = {each.name.lower() for each in partitions or ()}
        return Context(self.spark, self.options, self.place, frozenset(taken))

    def files(self, partitions: StructType) -> FileFormat:
        """Return what inspects and reads the source's files."""
        context, row = self.context(partitions), self.row
        if self.options.variant_column and row.variant is not None:
            return VariantFiles(context, row.name, row.variant(context))
        return row.reader(context)

    @property
    def fixed(self) -> StructType | None:
        """The columns of every file; None where files have columns of their own."""
        return variant_columns(self.options) if self.options.variant_column else self.row.fixed

    def listed(self) -> list[SourceFile]:
        """List the files that are there now, oldest first."""
        own = [self.place.folder, self.place.checkpoint, self.schema_log.folder]
        if self.options.schema_location:
            own.append(self.options.schema_location)
        base = self.base
        shut = [each for each in own if str(each) != base]
        return list_files(self.request, self.options, shut, self.storage)

    def fault(self, code: str, message: str, hint: str = "", **facts: object) -> DefinitionError:
        """Make an error at the user's line."""
        where = self.request.where
        return DefinitionError(code, message, where=where, hint=hint, **facts)


def read_source(spark: SparkSession, request: CloudFiles, place: SourceState) -> Source:
    """Read the options of a request; looks at no file.

    Raises:
        DefinitionError: see `read_options`; AUTOLOADER_STATE_PATH.
    """
    charsets = spark.conf.get("spark.sql.legacy.javaCharsets", "false")
    options = read_options(request, java_charsets=charsets == "true")
    source = Source(spark, request, place, options, storage_of(spark))
    if is_special(
        str(place.folder)
    ):  # Spark would take it for a pattern, and silently read nothing
        raise source.fault(
            "AUTOLOADER_STATE_PATH",
            f"Auto Loader can't keep its state in {place.folder}: "
            "the path holds one of \\ * ? [ ] { } :",
            "Move the project, or give --state a folder without them.",
            path=str(place.folder),
        )
    return source


def corrupt_file(file: SourceFile, reason: str) -> SourceFileError:
    """Make the error for a file that can't be read."""
    return SourceFileError(
        "SOURCE_FILE_CORRUPT",
        f"{file.path} can't be read: {reason}",
        hint="Replace or remove the file, or set the option ignoreCorruptFiles to true.",
        path=file.path,
        reason=reason,
    )
