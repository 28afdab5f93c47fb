"""Check the options of a request and read them into one frozen value.

Options are case-insensitive. Whatever is not supported is refused by name, at the user's line. What
does not live here: the lists of options (`option_tables`, and `formats` for those of a format).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from headwater.autoloader import formats
from headwater.autoloader import option_tables as tables
from headwater.autoloader.option_values import OptionValues
from headwater.autoloader.paths import is_below, local_path, source_path, without_globs
from headwater.autoloader.request import Cleaning, CloudFiles, Options
from headwater.autoloader.storage import container_of, is_remote
from headwater.autoloader.types import Hint, split_hints
from headwater.errors import DefinitionError, nearest
from headwater.intervals import DAY_SECONDS

_KNOWN = tables.KNOWN | formats.READER_OPTIONS
_REFUSED = tables.REFUSED - formats.READER_OPTIONS
_SPELLINGS = (*tables.SPELLINGS, *formats.SPELLINGS)
_PREFIX = "cloudfiles."
_WITHOUT_PREFIX = frozenset(name for name in _KNOWN if "." not in name)
"""Options that are documented without `cloudFiles.`; the prefix is accepted, too."""


def check_options(request: CloudFiles) -> None:
    """Refuse options that are unknown, not supported or wrong; reads and writes nothing.

    Raises:
        DefinitionError: at `request.where`, see `read_options`.
    """
    read_options(request)


def unused_options(request: CloudFiles) -> list[str]:
    """Name the options of a request that ask for another way to find files than a listing."""
    return [
        name
        for name, value in request.options.items()
        if name.lower() in tables.LISTED and str(value).strip().lower() != "false"
    ]


def ignored_options(request: CloudFiles) -> list[DefinitionError]:
    """Warn of options that Auto Loader doesn't have and that are not written `cloudFiles.`.

    A workspace validates `cloudFiles.` options only, and ignores the others. Most are those of
    other sources, or are meant to have the prefix.
    """
    values = OptionValues(request, {})
    return [
        values.fault(
            "AUTOLOADER_OPTION_IGNORED",
            f"Auto Loader ignores the option '{name}', as it does in a workspace",
            _meant(name),
            option=name,
        )
        for name in request.options
        if not name.lower().startswith(_PREFIX) and name.lower() not in _KNOWN
    ]


def _meant(name: str) -> str:
    prefixed = [each for each in _SPELLINGS if each.lower() == _PREFIX + name.lower()]
    if prefixed:
        return f"Write {prefixed[0]}."
    return nearest(name, _SPELLINGS, cutoff=0.8) or "Remove it: it is not an option of this source."


def read_options(request: CloudFiles, *, java_charsets: bool = False) -> Options:
    """Read the options of a request.

    Args:
        java_charsets: Spark takes every encoding that Java knows, as the setting
            `spark.sql.legacy.javaCharsets` says.

    Raises:
        DefinitionError: AUTOLOADER_OPTION_UNKNOWN, AUTOLOADER_OPTION_NOT_BUILT,
            AUTOLOADER_OPTION_INVALID, AUTOLOADER_FORMAT_MISSING, AUTOLOADER_OPTION_MISSING,
            AUTOLOADER_EVOLUTION_NEEDS_INFERENCE.
    """
    return _Reading(request, java_charsets).options()


def _without_prefix(options: Mapping[str, str]) -> dict[str, str]:
    """Return options of a reader by their own names: `cloudFiles.header` is `header`.

    Documented without the prefix, but public pipelines write it.
    """
    found = {}
    plain = {}
    for written, value in options.items():
        head, _, name = written.partition(".")
        if head.lower() == "cloudfiles" and name.lower() in _WITHOUT_PREFIX:
            found[name] = str(value)
        else:
            plain[written] = str(value)
    return found | plain


class _Reading:
    """One pass over the options of one request."""

    def __init__(self, request: CloudFiles, java_charsets: bool) -> None:
        self.request = request
        self.java_charsets = java_charsets
        self.written = _without_prefix(request.options)
        self.values = OptionValues(request, self.written)

    def options(self) -> Options:
        row = self._format()
        self._check_names(row)
        self._check_format(row)
        inferred = self.request.schema is None
        variant = self._variant(row)
        evolution = "none" if variant else self._evolution(row, inferred)
        bad_records = self._bad_records(row)
        columns = self.values.text("rescuedDataColumn")
        rescues_new = evolution == "rescue" or (evolution == "none" and bool(columns))
        is_named = "rescueddatacolumn" in self.values.given  # an empty name: there is none
        if not is_named and row.rescues and not variant and (inferred or evolution == "rescue"):
            columns = "_rescued_data"
        location = self.values.text("cloudFiles.schemaLocation")
        older_name = self.values.flag("parserCaseSensitive", True)
        case_sensitive = self.values.flag("readerCaseSensitive", older_name)
        return Options(
            format=row.name,
            evolution=evolution,
            inferred=inferred,
            infer_types=self.values.flag("cloudFiles.inferColumnTypes", False),
            hinted=self._hints() if inferred else (),
            schema_location=Path(local_path(location, self.request)) if location else None,
            partition_columns=self._partition_columns(),
            include_existing=self.values.flag("cloudFiles.includeExistingFiles", True),
            allow_overwrites=self.values.flag("cloudFiles.allowOverwrites", False),
            max_age_seconds=self._age(),
            max_files=self.values.count("cloudFiles.maxFilesPerTrigger", 1000),
            max_bytes=self.values.size("cloudFiles.maxBytesPerTrigger"),
            cleaning=self._cleaning(),
            name_filter=self.values.text("pathGlobFilter"),
            strict_globs=self.values.flag("cloudFiles.useStrictGlobber", False),
            rescued_column=columns or None,
            variant_column=variant,
            bad_records_path=bad_records,
            rescues_new=rescues_new,
            case_sensitive=case_sensitive and bool(columns),
            ignore_corrupt=self.values.flag("ignoreCorruptFiles", False),
            ignore_missing=self.values.flag("ignoreMissingFiles", False),
            modified_after=self.values.time("modifiedAfter"),
            modified_before=self.values.time("modifiedBefore"),
            header=self.values.flag("header", inferred and not variant),
            multi_line=self.values.flag("multiLine", False),
            parse_mode="DROPMALFORMED"
            if bad_records
            else self.values.choice("mode", tables.PARSE_MODES),
            corrupt_column=self.values.text("columnNameOfCorruptRecord") or "_corrupt_record",
            reader=self._reader(row, evolution),
        )

    def _format(self) -> formats.Format:
        value = self.values.text("cloudFiles.format")
        if not value:
            raise self.values.fault(
                "AUTOLOADER_FORMAT_MISSING",
                "cloudFiles.format is not set",
                f"Set it to one of {', '.join(formats.FORMATS)}.",
            )
        row = formats.FORMATS.get(value.lower())
        if row is not None:
            return row
        raise self.values.invalid("cloudFiles.format", value, ", ".join(formats.FORMATS))

    def _check_format(self, row: formats.Format) -> None:
        """Refuse what this format can't do."""
        if not row.is_remote and is_remote(self.request.path):
            raise self.values.fault(
                "AUTOLOADER_PATH_NOT_BUILT",
                f"Auto Loader reads {row.name} files only from local folders here",
                f"Land {formats.remote_labels()} in Azure storage, or load the files from a "
                "volume.",
            )
        for option, value in row.refuses.items():
            given = self.values.text(option)
            if given and value in (formats.ANY, given.lower()):
                raise self.values.not_built(option, f"{given} with {row.label}")
        if row.needs and not self.values.text(row.needs):
            raise self.values.missing(row.needs, f"Files of the format {row.label} need")
        self._check_encoding(row)

    def _evolution(self, row: formats.Format, inferred: bool) -> str:
        name = "cloudFiles.schemaEvolutionMode"
        value = self.values.text(name) or ("addNewColumns" if inferred else "none")
        mode = self.values.choice(name, tables.EVOLUTION_MODES, value)
        if mode == tables.WIDENING_MODE and not row.widens:
            raise self.values.not_built(name, f"{mode} with {row.label}")
        if mode.startswith("addNewColumns") and not inferred:
            raise self.values.fault(
                "AUTOLOADER_EVOLUTION_NEEDS_INFERENCE",
                f"schemaEvolutionMode '{mode}' can't be combined with an explicit schema",
                "Use schemaHints instead of a schema, or choose another mode.",
            )
        return mode

    def _check_encoding(self, row: formats.Format) -> None:
        """Refuse encodings that Spark reads wrongly without an error, or fails on while running."""
        name = "encoding" if self.values.text("encoding") else "charset"
        encoding = self.values.text(name)
        if row.wide is None or not encoding:
            return
        if encoding.lower() not in map(str.lower, tables.ENCODINGS) and not self.java_charsets:
            raise self.values.fault(
                "AUTOLOADER_OPTION_INVALID",
                f"Option {name} can't be '{encoding}'",
                f"Use {', '.join(tables.ENCODINGS)}, or set spark.sql.legacy.javaCharsets to "
                "true in the pipeline's configuration.",
                option=name,
            )
        if not encoding.lower().startswith(("utf-16", "utf-32")):
            return
        if row.wide is formats.Wide.NEVER:
            raise self.values.not_built(name, f"{encoding} with {row.label}")
        if not self.values.flag("multiLine", False):
            raise self.values.fault(
                "AUTOLOADER_OPTION_NOT_BUILT",
                f"Auto Loader reads {row.label} files in {encoding} only with multiLine",
                "Set the option multiLine to true: without it Spark splits lines at single bytes.",
                option=name,
            )

    def _check_names(self, row: formats.Format) -> None:
        strict = self.values.flag("cloudFiles.validateOptions", True)
        for written, value in self.written.items():
            name = written.lower()
            if name in _REFUSED:
                raise self.values.not_built(written)
            only = tables.ONLY_VALUE.get(name)
            if name not in row.option_names and only is not None and value.lower() != only.lower():
                raise self.values.not_built(written, value)
            if name in _KNOWN or not strict or not name.startswith(_PREFIX):
                continue
            if name.startswith("cloudfiles.resourcetag."):
                continue
            raise self.values.fault(
                "AUTOLOADER_OPTION_UNKNOWN",
                f"Auto Loader has no option '{written}'",
                nearest(written, _SPELLINGS)
                or "Correct the name, or set cloudFiles.validateOptions to false to ignore it.",
                option=written,
            )

    def _reader(self, row: formats.Format, evolution: str) -> dict[str, str]:
        native = row.option_names
        found = {key: value for key, value in self.written.items() if key.lower() in native}
        name = "prefersDecimal"
        if evolution == tables.WIDENING_MODE and name.lower() in native:
            if not self.values.flag(name, True):
                raise self.values.invalid(name, "false", f"true with {tables.WIDENING_MODE}")
            found = {key: value for key, value in found.items() if key.lower() != name.lower()}
            found[name] = "true"  # a BIGINT grows to a decimal only
        return found

    def _hints(self) -> tuple[Hint, ...]:
        try:
            return tuple(split_hints(self.values.text("cloudFiles.schemaHints")))
        except ValueError:
            raise invalid_hints(self.request) from None

    def _partition_columns(self) -> tuple[str, ...] | None:
        value = self.values.given.get("cloudfiles.partitioncolumns")
        if value is None:
            return None
        return tuple(each.strip() for each in value.split(",") if each.strip())

    def _variant(self, row: formats.Format) -> str:
        name = "singleVariantColumn"
        column = self.values.text(name)
        if column and row.variant is None:
            raise self.values.not_built(name, f"{column} with {row.label}")
        for other in ("rescuedDataColumn", "cloudFiles.schemaHints") if column else ():
            if self.values.text(other):
                raise self.values.fault(
                    "AUTOLOADER_OPTION_INVALID",
                    f"Option {other} can't be combined with {name}",
                    f"Remove {other}: each record is one VARIANT, and nothing of it is rescued.",
                    option=other,
                )
        return column

    def _bad_records(self, row: formats.Format) -> Path | None:
        name = "badRecordsPath"
        value = self.values.text(name)
        if not value:
            return None
        if not row.has_bad_records or self.request.is_batch:
            kind = "a batch read" if self.request.is_batch else row.label
            raise self.values.not_built(name, f"{value} with {kind}")
        if self.values.text("mode"):
            raise self.values.fault(
                "AUTOLOADER_OPTION_INVALID",
                f"Option mode can't be combined with {name}",
                "Remove mode: bad records are left out, and written to the path.",
                option="mode",
            )
        path = local_path(value, self.request)
        self._check_outside(name, path)
        return Path(path)

    def _check_outside(self, name: str, path: str) -> str:
        """Refuse a folder from which files would be read again; return the source's."""
        source = without_globs(source_path(self.request.path, self.request))
        if is_below(path, source):
            raise self.values.invalid(name, path, "a folder that is not below the source")
        return source

    def _cleaning(self) -> Cleaning | None:
        mode = self.values.choice("cloudFiles.cleanSource", tables.CLEANING_MODES)
        if mode == "OFF":
            return None
        name = "cloudFiles.cleanSource.retentionDuration"
        seconds = self.values.seconds(name)
        seconds = tables.RETENTION_DAYS * DAY_SECONDS if seconds is None else seconds
        if mode == "DELETE":
            if seconds <= tables.MIN_DELETE_DAYS * DAY_SECONDS:
                wanted = f"more than {tables.MIN_DELETE_DAYS} days to delete files"
                raise self.values.invalid(name, self.values.text(name), wanted)
            return Cleaning(mode, seconds)
        name = "cloudFiles.cleanSource.moveDestination"
        if not self.values.text(name):
            raise self.values.missing(name, "cloudFiles.cleanSource = MOVE needs")
        destination = source_path(self.values.text(name), self.request)
        self._check_destination(name, destination)
        return Cleaning(mode, seconds, destination)

    def _check_destination(self, name: str, destination: str) -> None:
        """Refuse to move files where they would be read again, or out of their storage."""
        source = self._check_outside(name, destination)
        if self.request.volume:
            volume = "the source's volume"
            plain = os.path.normpath(destination)
            is_inside = f"{plain}/".startswith(f"{self.request.volume}/")
        else:
            volume = "the source's container" if is_remote(source) else "a local folder"
            is_inside = container_of(destination) == container_of(source)
        if not is_inside:
            raise self.values.invalid(name, destination, f"a folder in {volume}")

    def _age(self) -> float | None:
        name = "cloudFiles.maxFileAge"
        seconds = self.values.seconds(name)
        if seconds is not None and seconds < tables.MIN_FILE_AGE_DAYS * DAY_SECONDS:
            wanted = f"at least {tables.MIN_FILE_AGE_DAYS} days"
            raise self.values.invalid(name, self.values.text(name), wanted)
        return seconds


def invalid_hints(request: CloudFiles) -> DefinitionError:
    """Make the error for `schemaHints` that are not a list, or have an invalid type."""
    return DefinitionError(
        "AUTOLOADER_OPTION_INVALID",
        "schemaHints is not a list of columns and types",
        where=request.where,
        hint="Write them as in CREATE TABLE: id BIGINT, address.zip STRING.",
        option="cloudFiles.schemaHints",
    )
