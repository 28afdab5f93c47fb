"""Define and open an Auto Loader source: the only functions the engine calls.

`define_stream` answers while the graph is resolved, `open_stream` when a flow runs. What does not
live here: how a format is inspected and read (`parquet_files`, `json_files`, `csv_files`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from pyspark.errors import ParseException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from headwater.autoloader.commits import committed_files
from headwater.autoloader.csv_files import CsvFiles
from headwater.autoloader.discovery import base_folder, check_base, list_files
from headwater.autoloader.findings import Context, FileFormat, Findings
from headwater.autoloader.json_files import JsonFiles
from headwater.autoloader.manifest import Entry, Manifest, SkippedFiles
from headwater.autoloader.options import Options, invalid_hints, read_options
from headwater.autoloader.parquet_files import ParquetFiles
from headwater.autoloader.partitions import find_partitions
from headwater.autoloader.plan import StreamPlan
from headwater.autoloader.request import CloudFiles, SourceState
from headwater.autoloader.schema_log import SchemaLog, SourceSchema
from headwater.autoloader.spark_paths import is_special, link_to, needs_link
from headwater.autoloader.storage import SourceFile, Storage, storage_of
from headwater.autoloader.types import apply_hint, nullable, parse_ddl
from headwater.errors import DefinitionError, SchemaChange, SourceFileError, UpdateError

_FORMATS = {"parquet": ParquetFiles, "json": JsonFiles, "csv": CsvFiles}
_NOWHERE = "*.nowhere"
"""A glob that matches nothing: Spark does not look for it before a stream starts."""

_HELPER = "__headwater_"
"""Prefix of the columns that a plan has besides those of the files."""

_SAMPLE = "spark.databricks.cloudFiles.schemaInference.sampleSize"
_SAMPLE_FILES = 1000
_SAMPLE_BYTES = 50 * 1024**3


def define_stream(
    spark: SparkSession, request: CloudFiles, place: SourceState, *, save: bool
) -> DataFrame:
    """Return a streaming DataFrame with the columns of a source; it is never started.

    Infers the schema when none is given and none is saved. Safe to call many times.

    Args:
        save: whether an inferred schema is saved; when False, nothing is written.

    Raises:
        DefinitionError: wrong options, SOURCE_PATH_NOT_FOUND, AUTOLOADER_SCHEMA_REQUIRED.
        SourceFileError: SOURCE_FILE_CORRUPT, when the schema is inferred from such a file.
    """
    source = _Source(spark, request, place)
    check_base(request, source.storage)
    schema = source.schema(save=save)
    return source.format(schema).frame(
        StreamPlan(spark, source.options, place.folder / _NOWHERE, schema, schema.data)
    )


def open_stream(spark: SparkSession, request: CloudFiles, place: SourceState) -> DataFrame:
    """Enter new files and return the stream that reads what is entered and not committed.

    Start it with the trigger `availableNow` and the checkpoint of `place`. A file is read exactly
    once: a kill at any moment leaves it entered or to be found again. Files that land later are
    left to the next call.

    Raises:
        DefinitionError: as for `define_stream`.
        SchemaChange: new columns; the wider schema is saved, call everything again.
        UpdateError: UNKNOWN_FIELD under `failOnNewColumns`.
        SourceFileError: SOURCE_FILE_CORRUPT, SOURCE_FILE_MISSING, SOURCE_FILE_TYPE_MISMATCH.
    """
    return _Source(spark, request, place).open()


@dataclass
class _Listing:
    """The files of a source: new files, and pending manifest entries."""

    new: list[SourceFile]
    pending: list[Entry]

    def unread(self, storage: Storage) -> list[SourceFile]:
        """All files that the stream is going to read."""
        entered = [storage.stat(entry.path) for entry in self.pending]
        return [file for file in entered if file] + self.new


class _Source:
    """One source while it is defined or opened."""

    def __init__(self, spark: SparkSession, request: CloudFiles, place: SourceState) -> None:
        self.spark = spark
        self.request = request
        self.place = place
        charsets = spark.conf.get("spark.sql.legacy.javaCharsets", "false")
        self.options: Options = read_options(request, java_charsets=charsets == "true")
        self.storage = storage_of(spark)
        self.manifest = Manifest(place.folder)
        self.skipped = SkippedFiles(place.folder)
        self.log = SchemaLog(self.options.schema_location or place.schemas or place.folder)

        self._check_place()

    def _check_place(self) -> None:
        """Refuse a path that Spark would treat as a pattern: it would silently read nothing."""
        if is_special(str(self.place.folder)):
            raise self._fault(
                "AUTOLOADER_STATE_PATH",
                f"Auto Loader can't keep its state in {self.place.folder}: "
                "the path holds one of \\ * ? [ ] { } :",
                "Move the project, or give --state a folder without them.",
                path=str(self.place.folder),
            )

    def open(self) -> DataFrame:
        listing = self._find()
        schema = self.schema(save=True)
        file_format = self.format(schema)
        self._set_aside_broken(file_format, listing)
        findings = file_format.inspect(listing.unread(self.storage), schema.data)
        self._evolve(findings, schema)
        self._enter(file_format, listing, findings)
        pending = self._pending()
        self._sweep(pending)
        return file_format.frame(
            StreamPlan(
                self.spark, self.options, self.manifest.folder, schema, findings.wide, pending
            )
        )

    def format(self, schema: SourceSchema) -> FileFormat:
        taken = {each.name.lower() for each in schema.partitions}
        context = Context(self.spark, self.options, self.place, frozenset(taken))
        return cast(FileFormat, _FORMATS[self.options.format](context))

    # -- the schema

    def schema(self, *, save: bool) -> SourceSchema:
        if self.request.schema is not None:
            return self._given_schema()
        saved = self.log.latest()
        if saved is None:
            saved = self._inferred()
            if save:
                self.log.save(saved)
        return self._hinted(saved)

    def _given_schema(self) -> SourceSchema:
        given = self.request.schema
        try:
            schema = given if isinstance(given, StructType) else parse_ddl(str(given))
        except ParseException:
            raise self._fault("AUTOLOADER_SCHEMA_INVALID", "The schema is not valid DDL") from None
        names = Counter(each.name.lower() for each in schema)
        twice = next((name for name, count in names.items() if count > 1), None)
        if twice is not None:
            message = f"The schema has the column '{twice}' twice"
            raise self._fault("AUTOLOADER_SCHEMA_INVALID", message, column=twice)
        named = self.options.partition_columns is not None
        sample = [] if named else [file.path for file in self._sample()]
        found = find_partitions(sample, base_folder(self.request, self.storage), self.options)
        known = {each.name.lower(): each for each in schema}
        partitions = [
            known.get(each.name.lower(), each)
            for each in found
            if named or each.name.lower() in known
        ]
        taken = {each.name.lower() for each in partitions}
        taken |= {(self.options.rescued_column or "").lower()}
        data = [each for each in schema if each.name.lower() not in taken]
        return SourceSchema(nullable(StructType(data)), nullable(StructType(partitions)))

    def _inferred(self) -> SourceSchema:
        key = (self.request.path, tuple(sorted(self.request.options.items())))
        memory = self.place.memory.setdefault(f"schema {self.log.folder}", {})
        known = cast("dict[object, SourceSchema]", memory)
        if key not in known:
            known[key] = self._infer()
        return known[key]

    def _infer(self) -> SourceSchema:
        files = self._sample()
        partitions = find_partitions(
            [file.path for file in files], base_folder(self.request, self.storage), self.options
        )
        file_format = self.format(SourceSchema(StructType([]), partitions))
        broken = file_format.broken(files)
        if broken and not self.options.ignore_corrupt:
            raise _corrupt(*next(iter(broken.items())))
        whole = [file for file in files if file not in broken]
        if not whole and not self.options.hinted:
            raise self._fault(
                "AUTOLOADER_SCHEMA_REQUIRED",
                f"No file to infer a schema from below {self.request.path}",
                "Land a file first, set .schema(...), or list the columns in schemaHints.",
                path=self.request.path,
            )
        found = file_format.infer(whole) if whole else StructType([])
        taken = {each.name.lower() for each in partitions}
        data = StructType([each for each in found if each.name.lower() not in taken])
        self._check_reserved(data)
        return SourceSchema(nullable(data), partitions)

    def _check_reserved(self, data: StructType) -> None:
        own = next((f.name for f in data if f.name.lower().startswith(_HELPER)), None)
        if own:
            raise self._fault(
                "AUTOLOADER_COLUMN_RESERVED",
                f"The files have a column '{own}', a name that Headwater reserves",
                f"Rename it in the files to one that does not begin with {_HELPER}.",
                column=own,
            )
        rescued = (self.options.rescued_column or "").lower()
        if any(each.name.lower() == rescued for each in data):
            raise self._fault(
                "AUTOLOADER_COLUMN_RESERVED",
                f"The files have a column '{self.options.rescued_column}' of their own",
                "Set the option rescuedDataColumn to another name.",
                column=self.options.rescued_column,
            )

    def _hinted(self, schema: SourceSchema) -> SourceSchema:
        if not self.options.hinted:
            return schema
        data, partitions = schema.data, schema.partitions
        try:
            ddl = ", ".join(f"h{i} {kind}" for i, (_, kind) in enumerate(self.options.hinted))
            kinds = [each.dataType for each in parse_ddl(ddl)]
            if len(kinds) != len(self.options.hinted):
                raise ValueError("a type with further columns in it")
        except (ValueError, ParseException):
            raise invalid_hints(self.request) from None
        names = {each.name.lower() for each in partitions}
        for (path, _), kind in zip(self.options.hinted, kinds, strict=True):
            if path[0].lower() in names:
                partitions = apply_hint(partitions, path, kind)
            else:
                data = apply_hint(data, path, kind)
        return SourceSchema(nullable(data), nullable(partitions))

    def _sample(self) -> list[SourceFile]:
        """The most recent files, up to the limits of number and size."""
        most = int(self.spark.conf.get(f"{_SAMPLE}.numFiles", str(_SAMPLE_FILES)) or _SAMPLE_FILES)
        room = _SAMPLE_BYTES
        sample: list[SourceFile] = []
        for file in reversed(self._list()):
            if len(sample) >= most or room <= 0:
                break
            sample.append(file)
            room -= file.size
        return sample[::-1]

    # -- the files

    def _list(self) -> list[SourceFile]:
        own = [self.place.folder, self.place.checkpoint, self.log.folder]
        if self.options.schema_location:
            own.append(self.options.schema_location)
        base = base_folder(self.request, self.storage)
        shut = [each for each in own if str(each) != base]
        return list_files(self.request, self.options, shut, self.storage)

    def _find(self) -> _Listing:
        listed = self._list()
        if not self.manifest.started:
            if not self.options.include_existing:
                self.skipped.add(listed, "EXISTING")
            self.manifest.start()
        left_out = self.skipped.read()
        known = {entry.origin for entry in self.manifest.entries()}
        known |= {each.file.path for each in left_out if each.state == "EXISTING"}
        corrupt = {each.file for each in left_out if each.state == "CORRUPT"}
        new = [file for file in listed if file.path not in known and file not in corrupt]
        return _Listing(new, self._pending(check=True))

    def _pending(self, *, check: bool = False) -> list[Entry]:
        committed = committed_files(self.place.checkpoint)
        pending = [each for each in self.manifest.entries() if each.key not in committed]
        if check and not self.options.ignore_missing:
            for entry in pending:
                if self.storage.stat(entry.path) is None:
                    raise SourceFileError(
                        "SOURCE_FILE_MISSING",
                        f"A file disappeared before it was read: {entry.origin}",
                        where=self.request.where,
                        hint="Put it back, or set the option ignoreMissingFiles to true.",
                        path=entry.origin,
                    )
        return pending

    def _set_aside_broken(self, file_format: FileFormat, listing: _Listing) -> None:
        broken = file_format.broken(listing.unread(self.storage))
        if broken and not self.options.ignore_corrupt:
            raise _corrupt(*next(iter(broken.items())))
        new = [file for file in listing.new if file in broken]
        self.skipped.add(new, "CORRUPT", [broken[file] for file in new])
        listing.new = [file for file in listing.new if file not in broken]

    def _evolve(self, findings: Findings, schema: SourceSchema) -> None:
        if not findings.new or self.options.evolution in ("none", "rescue"):
            self._check_reserved(StructType([f for f in findings.wide if f not in schema.data]))
            return
        names = ", ".join(findings.new)
        if self.options.evolution == "failOnNewColumns":
            raise UpdateError(
                "UNKNOWN_FIELD",
                f"Files have columns that are not in the schema: {names}; the first is in "
                f"{next(iter(findings.new.values()))}",
                where=self.request.where,
                hint="Add them to the schema or to schemaHints, or remove the file.",
                fields=list(findings.new),
                path=next(iter(findings.new.values())),
            )
        self._check_reserved(findings.wide)
        self.log.save(SourceSchema(findings.wide, schema.partitions))
        raise SchemaChange(
            "UNKNOWN_FIELD_EXCEPTION.NEW_FIELDS_IN_FILE",
            f"Encountered unknown fields during parsing: [{names}], "
            "which can be fixed by an automatic retry: true",
            where=self.request.where,
            hint="The wider schema is saved; run the update again.",
            fields=list(findings.new),
        )

    def _enter(self, file_format: FileFormat, listing: _Listing, findings: Findings) -> None:
        floor = -(-(self.options.max_bytes or 0) // self.options.max_files)
        entered = []
        context = Context(self.spark, self.options, self.place)
        for file in listing.new:
            if self.storage.stat(file.path) != file:  # one that grows is left to the next call
                continue
            path = file.path
            if file in findings.clashing:
                self._check_can_rescue(file, findings)
                path = str(file_format.stage(file, findings.clashing[file]))
            elif needs_link(path):
                path = link_to(path, context.staged_path(file))
            entered.append((path, max(file.size, floor)))
        self.manifest.append(entered)

    def _check_can_rescue(self, file: SourceFile, findings: Findings) -> None:
        if self.options.rescued_column:
            return
        names = ", ".join(findings.clashing[file])
        raise SourceFileError(
            "SOURCE_FILE_TYPE_MISMATCH",
            f"Columns {names} of {file.path} can't be read with the types of the schema",
            where=self.request.where,
            hint="Correct the schema, or set the option rescuedDataColumn to keep such values.",
            path=file.path,
            fields=list(findings.clashing[file]),
        )

    def _sweep(self, pending: Sequence[Entry]) -> None:
        """Delete rewritten copies that are committed or were never entered."""
        wanted = {entry.path for entry in pending}
        staged = Context(self.spark, self.options, self.place).staged
        for file in staged.rglob("*") if staged.is_dir() else ():
            if (file.is_file() or file.is_symlink()) and str(file) not in wanted:
                file.unlink()

    def _fault(self, code: str, message: str, hint: str = "", **facts: object) -> DefinitionError:
        where = self.request.where
        return DefinitionError(code, message, where=where, hint=hint, **facts)


def _corrupt(file: SourceFile, reason: str) -> SourceFileError:
    return SourceFileError(
        "SOURCE_FILE_CORRUPT",
        f"{file.path} can't be read: {reason}",
        hint="Replace or remove the file, or set the option ignoreCorruptFiles to true.",
        path=file.path,
        reason=reason,
    )
