"""The schema of a source: given, saved, inferred and hinted, and how it grows."""

from __future__ import annotations

from collections import Counter
from typing import cast

from pyspark.errors import ParseException
from pyspark.sql.types import StringType, StructField, StructType

from headwater.autoloader.findings import Findings
from headwater.autoloader.option_values import byte_count
from headwater.autoloader.options import invalid_hints
from headwater.autoloader.partitions import find_partitions
from headwater.autoloader.schema_log import SourceSchema
from headwater.autoloader.source import Source, corrupt_file
from headwater.autoloader.storage import SourceFile
from headwater.autoloader.types import apply_hint, nullable, parse_ddl
from headwater.errors import SchemaChange, UpdateError

_HELPER = "__headwater_"
"""Prefix of the columns that a plan has besides those of the files."""

_SAMPLE = "spark.databricks.cloudFiles.schemaInference.sampleSize"
_SAMPLE_FILES = 1000
_SAMPLE_BYTES = 50 * 1024**3


class SchemaLookup:
    """Answers which columns a source has."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.request = source.request
        self.options = source.options
        self.log = source.schema_log
        self._fault = source.fault

    def schema(self, *, save: bool) -> SourceSchema:
        """Return the given schema, or the saved one, or infer it from the latest files.

        Raises:
            DefinitionError: AUTOLOADER_SCHEMA_INVALID, AUTOLOADER_SCHEMA_REQUIRED,
                AUTOLOADER_COLUMN_RESERVED.
            SourceFileError: SOURCE_FILE_CORRUPT, when the schema is inferred from such a file.
        """
        found = self._given() if self.request.schema is not None else self._own(save)
        self._check_fixed(found)
        return found

    def _own(self, save: bool) -> SourceSchema:
        saved = self.log.latest()
        if saved is None:
            saved = self._inferred()
            if save:
                self.log.save(saved)
        return self._hinted(saved)

    def _check_fixed(self, schema: SourceSchema) -> None:
        """Refuse other columns than those that every file of the format has."""
        fixed = self.source.fixed
        if fixed is None or [f.dataType for f in schema.data] == [f.dataType for f in fixed]:
            return
        corrupt = StructField(self.options.corrupt_column, StringType())
        if self.options.variant_column and set(schema.data) == {*fixed, corrupt}:
            return
        columns = ", ".join(f"{f.name} {f.dataType.simpleString().upper()}" for f in fixed)
        raise self._fault(
            "AUTOLOADER_SCHEMA_INVALID",
            f"Files of the format {self.source.row.label} have the columns {columns}, "
            "besides those from folder names",
            "Leave out .schema(...) and schemaHints for other columns.",
        )

    def evolve(self, findings: Findings, schema: SourceSchema) -> None:
        """Do what the evolution mode says about new columns and types; saves the wider schema.

        Raises:
            SchemaChange: the wider schema is saved, call everything again.
            UpdateError: UNKNOWN_FIELD under `failOnNewColumns`.
        """
        changed = [*findings.new, *findings.widened]
        if not changed or self.options.evolution in ("none", "rescue"):
            self._check_reserved(StructType([f for f in findings.wide if f not in schema.data]))
            return
        names = ", ".join(changed)
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
        what = "unknown fields or wider types" if findings.widened else "unknown fields"
        self.log.save(SourceSchema(findings.wide, schema.partitions))
        raise SchemaChange(
            "UNKNOWN_FIELD_EXCEPTION.NEW_FIELDS_IN_FILE" if findings.new else "SOURCE_TYPES_WIDER",
            f"Encountered {what} during parsing: [{names}], "
            "which can be fixed by an automatic retry: true",
            where=self.request.where,
            hint="The wider schema is saved; run the update again.",
            fields=changed,
        )

    def _given(self) -> SourceSchema:
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
        found = find_partitions(sample, self.source.base, self.options)
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
        memory = self.source.place.memory.setdefault(f"schema {self.log.folder}", {})
        known = cast("dict[object, SourceSchema]", memory)
        if key not in known:
            known[key] = self._infer()
        return known[key]

    def _infer(self) -> SourceSchema:
        files = self._sample()
        partitions = find_partitions([file.path for file in files], self.source.base, self.options)
        file_format = self.source.files(partitions)
        broken = file_format.broken(files)
        if broken and not self.options.skips_broken:
            raise corrupt_file(*next(iter(broken.items())))
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
        most = int(
            self.source.spark.conf.get(f"{_SAMPLE}.numFiles", str(_SAMPLE_FILES)) or _SAMPLE_FILES
        )
        asked = self.source.spark.conf.get(f"{_SAMPLE}.numBytes", None)
        room = byte_count(asked or "") or _SAMPLE_BYTES
        sample: list[SourceFile] = []
        for file in reversed(self.source.listed()):
            if len(sample) >= most or room <= 0:
                break
            sample.append(file)
            room -= file.size
        return sample[::-1]
