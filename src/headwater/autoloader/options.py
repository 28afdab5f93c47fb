"""Check the options of a request and read them into one frozen value.

Options are case-insensitive. Whatever is not supported is refused by name, at the user's line. What
does not live here: the lists of options (`option_tables`, and `formats` for those of a format).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from headwater.autoloader import formats
from headwater.autoloader import option_tables as tables
from headwater.autoloader.intervals import DAY_SECONDS, interval_seconds
from headwater.autoloader.paths import local_path, source_path, without_globs
from headwater.autoloader.request import Cleaning, CloudFiles, Options
from headwater.autoloader.storage import container_of, is_remote
from headwater.autoloader.types import Hint, split_hints
from headwater.errors import DefinitionError, nearest

_SIZE = re.compile(r"(\d+)\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_SIZE_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_KNOWN = tables.KNOWN | formats.READER_OPTIONS
_REFUSED = tables.REFUSED - formats.READER_OPTIONS
_SPELLINGS = (*tables.SPELLINGS, *formats.SPELLINGS)
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
        self.given = {key.lower(): value for key, value in self.written.items()}

    def options(self) -> Options:
        row = self._format()
        self._check_names(row)
        self._check_format(row)
        inferred = self.request.schema is None
        variant = self._variant(row)
        evolution = "none" if variant else self._evolution(row, inferred)
        columns = self._text("rescuedDataColumn")
        rescues_new = evolution == "rescue" or (evolution == "none" and bool(columns))
        if not columns and row.rescues and not variant and (inferred or evolution == "rescue"):
            columns = "_rescued_data"
        location = self._text("cloudFiles.schemaLocation")
        case_sensitive = self._flag("readerCaseSensitive", True)
        return Options(
            format=row.name,
            evolution=evolution,
            inferred=inferred,
            infer_types=self._flag("cloudFiles.inferColumnTypes", False),
            hinted=self._hints() if inferred else (),
            schema_location=Path(local_path(location, self.request)) if location else None,
            partition_columns=self._partition_columns(),
            include_existing=self._flag("cloudFiles.includeExistingFiles", True),
            allow_overwrites=self._flag("cloudFiles.allowOverwrites", False),
            max_age_seconds=self._age(),
            max_files=self._count("cloudFiles.maxFilesPerTrigger", 1000),
            max_bytes=self._size("cloudFiles.maxBytesPerTrigger"),
            cleaning=self._cleaning(),
            name_filter=self._text("pathGlobFilter"),
            rescued_column=columns or None,
            variant_column=variant,
            rescues_new=rescues_new,
            case_sensitive=case_sensitive and bool(columns),
            ignore_corrupt=self._flag("ignoreCorruptFiles", False),
            ignore_missing=self._flag("ignoreMissingFiles", False),
            modified_after=self._time("modifiedAfter"),
            modified_before=self._time("modifiedBefore"),
            header=self._flag("header", inferred and not variant),
            multi_line=self._flag("multiLine", False),
            parse_mode=self._choice("mode", ("PERMISSIVE", "DROPMALFORMED", "FAILFAST")),
            corrupt_column=self._text("columnNameOfCorruptRecord") or "_corrupt_record",
            reader=self._reader(row, evolution),
        )

    def _format(self) -> formats.Format:
        value = self._text("cloudFiles.format")
        if not value:
            raise self._fault(
                "AUTOLOADER_FORMAT_MISSING",
                "cloudFiles.format is not set",
                f"Set it to one of {', '.join(formats.FORMATS)}.",
            )
        row = formats.FORMATS.get(value.lower())
        if row is not None:
            return row
        raise self._invalid("cloudFiles.format", value, ", ".join(formats.FORMATS))

    def _check_format(self, row: formats.Format) -> None:
        """Refuse what this format can't do."""
        if not row.is_remote and is_remote(self.request.path):
            raise self._fault(
                "AUTOLOADER_PATH_NOT_BUILT",
                f"Auto Loader reads {row.name} files only from local folders here",
                f"Land {formats.remote_labels()} in Azure storage, or load the files from a "
                "volume.",
            )
        for option, value in row.refuses.items():
            given = self._text(option)
            if given and value in (formats.ANY, given.lower()):
                raise self._not_built(option, f"{given} with {row.label}")
        if row.needs and not self._text(row.needs):
            raise self._missing(row.needs, f"Files of the format {row.label} need")
        self._check_encoding(row)

    def _evolution(self, row: formats.Format, inferred: bool) -> str:
        name = "cloudFiles.schemaEvolutionMode"
        value = self._text(name) or ("addNewColumns" if inferred else "none")
        mode = self._choice(name, tables.EVOLUTION_MODES, value)
        if mode == tables.WIDENING_MODE and not row.widens:
            raise self._not_built(name, f"{mode} with {row.label}")
        if mode.startswith("addNewColumns") and not inferred:
            raise self._fault(
                "AUTOLOADER_EVOLUTION_NEEDS_INFERENCE",
                f"schemaEvolutionMode '{mode}' can't be combined with an explicit schema",
                "Use schemaHints instead of a schema, or choose another mode.",
            )
        return mode

    def _check_encoding(self, row: formats.Format) -> None:
        """Refuse encodings that Spark reads wrongly without an error, or fails on while running."""
        name = "encoding" if self._text("encoding") else "charset"
        encoding = self._text(name)
        if row.wide is None or not encoding:
            return
        if encoding.lower() not in map(str.lower, tables.ENCODINGS) and not self.java_charsets:
            raise self._fault(
                "AUTOLOADER_OPTION_INVALID",
                f"Option {name} can't be '{encoding}'",
                f"Use {', '.join(tables.ENCODINGS)}, or set spark.sql.legacy.javaCharsets to "
                "true in the pipeline's configuration.",
                option=name,
            )
        if not encoding.lower().startswith(("utf-16", "utf-32")):
            return
        if row.wide is formats.Wide.NEVER:
            raise self._not_built(name, f"{encoding} with {row.label}")
        if not self._flag("multiLine", False):
            raise self._fault(
                "AUTOLOADER_OPTION_NOT_BUILT",
                f"Auto Loader reads {row.label} files in {encoding} only with multiLine",
                "Set the option multiLine to true: without it Spark splits lines at single bytes.",
                option=name,
            )

    def _check_names(self, row: formats.Format) -> None:
        strict = self._flag("cloudFiles.validateOptions", True)
        for written, value in self.written.items():
            name = written.lower()
            if name in _REFUSED:
                raise self._not_built(written)
            only = tables.ONLY_VALUE.get(name)
            if name not in row.option_names and only is not None and value.lower() != only.lower():
                raise self._not_built(written, value)
            if name.startswith("cloudfiles.resourcetag.") or name in _KNOWN or not strict:
                continue
            raise self._fault(
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
            if not self._flag(name, True):
                raise self._invalid(name, "false", f"true with {tables.WIDENING_MODE}")
            found = {key: value for key, value in found.items() if key.lower() != name.lower()}
            found[name] = "true"  # a BIGINT grows to a decimal only
        return found

    def _hints(self) -> tuple[Hint, ...]:
        try:
            return tuple(split_hints(self._text("cloudFiles.schemaHints")))
        except ValueError:
            raise invalid_hints(self.request) from None

    def _partition_columns(self) -> tuple[str, ...] | None:
        value = self.given.get("cloudfiles.partitioncolumns")
        if value is None:
            return None
        return tuple(each.strip() for each in value.split(",") if each.strip())

    def _text(self, name: str) -> str:
        return self.given.get(name.lower(), "").strip()

    def _flag(self, name: str, default: bool) -> bool:
        value = self._text(name).lower()
        if value in ("", "true", "false"):
            return default if not value else value == "true"
        raise self._invalid(name, value, "true or false")

    def _count(self, name: str, default: int) -> int:
        value = self._text(name)
        if not value:
            return default
        if value.isdigit() and int(value) > 0:
            return int(value)
        raise self._invalid(name, value, "a positive whole number")

    def _size(self, name: str) -> int | None:
        value = self._text(name)
        if not value:
            return None
        found = _SIZE.fullmatch(value)
        if not found or int(found[1]) == 0:
            raise self._invalid(name, value, "a size such as 10g or 512mb")
        return int(int(found[1]) * 1024 ** _SIZE_POWER[found[2].lower()])

    def _variant(self, row: formats.Format) -> str:
        name = "singleVariantColumn"
        column = self._text(name)
        if column and row.variant is None:
            raise self._not_built(name, f"{column} with {row.label}")
        for other in ("rescuedDataColumn", "cloudFiles.schemaHints") if column else ():
            if self._text(other):
                raise self._fault(
                    "AUTOLOADER_OPTION_INVALID",
                    f"Option {other} can't be combined with {name}",
                    f"Remove {other}: each record is one VARIANT, and nothing of it is rescued.",
                    option=other,
                )
        return column

    def _cleaning(self) -> Cleaning | None:
        mode = self._choice("cloudFiles.cleanSource", tables.CLEANING_MODES)
        if mode == "OFF":
            return None
        name = "cloudFiles.cleanSource.retentionDuration"
        seconds = self._seconds(name)
        seconds = tables.RETENTION_DAYS * DAY_SECONDS if seconds is None else seconds
        if mode == "DELETE":
            if seconds <= tables.MIN_DELETE_DAYS * DAY_SECONDS:
                wanted = f"more than {tables.MIN_DELETE_DAYS} days to delete files"
                raise self._invalid(name, self._text(name), wanted)
            return Cleaning(mode, seconds)
        name = "cloudFiles.cleanSource.moveDestination"
        if not self._text(name):
            raise self._missing(name, "cloudFiles.cleanSource = MOVE needs")
        destination = source_path(self._text(name), self.request)
        self._check_destination(name, destination)
        return Cleaning(mode, seconds, destination)

    def _check_destination(self, name: str, destination: str) -> None:
        """Refuse to move files where they would be read again, or out of their storage."""
        source, volume = without_globs(source_path(self.request.path, self.request)), ""
        if f"{destination}/".startswith(f"{source}/"):
            raise self._invalid(name, destination, "a folder that is not below the source")
        if self.request.volume:
            volume = "the source's volume"
            is_inside = f"{destination}/".startswith(f"{self.request.volume}/")
        else:
            volume = "the source's container" if is_remote(source) else "a local folder"
            is_inside = container_of(destination) == container_of(source)
        if not is_inside:
            raise self._invalid(name, destination, f"a folder in {volume}")

    def _age(self) -> float | None:
        name = "cloudFiles.maxFileAge"
        seconds = self._seconds(name)
        if seconds is not None and seconds < tables.MIN_FILE_AGE_DAYS * DAY_SECONDS:
            wanted = f"at least {tables.MIN_FILE_AGE_DAYS} days"
            raise self._invalid(name, self._text(name), wanted)
        return seconds

    def _seconds(self, name: str) -> float | None:
        value = self._text(name)
        if not value:
            return None
        seconds = interval_seconds(value)
        if seconds is None:
            raise self._invalid(name, value, "an interval such as 30 days")
        return seconds

    def _time(self, name: str) -> float | None:
        value = self._text(name)
        if not value:
            return None
        try:
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            raise self._invalid(name, value, "a timestamp such as 2026-01-31T12:00:00") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()

    def _choice(self, name: str, allowed: tuple[str, ...], value: str = "") -> str:
        value = value or self._text(name) or allowed[0]
        for each in allowed:
            if each.lower() == value.lower():
                return each
        raise self._invalid(name, value, ", ".join(allowed))

    def _invalid(self, name: str, value: str, wanted: str) -> DefinitionError:
        return self._fault(
            "AUTOLOADER_OPTION_INVALID",
            f"Option {name} can't be '{value}'",
            nearest(value, wanted.split(", ")) or f"Set it to {wanted}.",
            option=name,
        )

    def _missing(self, name: str, what: str) -> DefinitionError:
        return self._fault(
            "AUTOLOADER_OPTION_MISSING",
            f"{what} the option {name}",
            f'Add .option("{name}", ...).',
            option=name,
        )

    def _not_built(self, name: str, value: str = "") -> DefinitionError:
        shown = f"{name} = {value}" if value else name
        return self._fault(
            "AUTOLOADER_OPTION_NOT_BUILT",
            f"Auto Loader option {shown} is not supported in Headwater",
            "Remove it here; docs/parity.md lists what runs locally.",
            option=name,
        )

    def _fault(self, code: str, message: str, hint: str = "", **facts: object) -> DefinitionError:
        where = self.request.where
        return DefinitionError(code, message, where=where, hint=hint, **facts)


def invalid_hints(request: CloudFiles) -> DefinitionError:
    """Make the error for `schemaHints` that are not a list, or have an invalid type."""
    return DefinitionError(
        "AUTOLOADER_OPTION_INVALID",
        "schemaHints is not a list of columns and types",
        where=request.where,
        hint="Write them as in CREATE TABLE: id BIGINT, address.zip STRING.",
        option="cloudFiles.schemaHints",
    )
