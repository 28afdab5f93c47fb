"""Read single values of options, and make the errors for those that are wrong."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headwater.autoloader.request import CloudFiles
from headwater.errors import DefinitionError, nearest
from headwater.intervals import interval_seconds

_SIZE = re.compile(r"(\d+)\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE)
_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?"
    r"\s*(Z|UTC|GMT|[A-Z]\w*/[\w/+-]+)?([+-]\d{1,2}(?::?\d\d)?)?"
)
_SIZE_POWER = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


class OptionValues:
    """The options of one request, by their names in any case.

    Each method that reads raises a DefinitionError AUTOLOADER_OPTION_INVALID at the user's line.
    """

    def __init__(self, request: CloudFiles, written: Mapping[str, str]) -> None:
        self.request = request
        self.given = {key.lower(): value for key, value in written.items()}

    def text(self, name: str) -> str:
        """Return an option as it is written, without blanks around it; "" when it is not given."""
        return self.given.get(name.lower(), "").strip()

    def flag(self, name: str, default: bool) -> bool:
        """Read an option that is true or false."""
        value = self.text(name).lower()
        if value in ("", "true", "false"):
            return default if not value else value == "true"
        raise self.invalid(name, value, "true or false")

    def count(self, name: str, default: int) -> int:
        """Read a positive whole number."""
        value = self.text(name)
        if not value:
            return default
        if value.isdigit() and int(value) > 0:
            return int(value)
        raise self.invalid(name, value, "a positive whole number")

    def size(self, name: str) -> int | None:
        """Read a size in bytes; None when it is not given."""
        value = self.text(name)
        if not value:
            return None
        found = byte_count(value)
        if not found:
            raise self.invalid(name, value, "a size such as 10g or 512mb")
        return found

    def seconds(self, name: str) -> float | None:
        """Read an interval in seconds; None when it is not given."""
        value = self.text(name)
        if not value:
            return None
        seconds = interval_seconds(value)
        if seconds is None:
            raise self.invalid(name, value, "an interval such as 30 days")
        return seconds

    def time(self, name: str) -> float | None:
        """Read a point in time, of UTC unless it says otherwise; None when it is not given."""
        value = self.text(name)
        if not value:
            return None
        moment = _moment(value)
        if moment is None:
            raise self.invalid(name, value, "a timestamp such as 2026-01-31T12:00:00")
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()

    def choice(self, name: str, allowed: tuple[str, ...], value: str = "") -> str:
        """Read one of some words, in their usual spelling; the first when it is not given."""
        value = value or self.text(name) or allowed[0]
        for each in allowed:
            if each.lower() == value.lower():
                return each
        raise self.invalid(name, value, ", ".join(allowed))

    def invalid(self, name: str, value: str, wanted: str) -> DefinitionError:
        """Make the error for a value that an option can't have."""
        return self.fault(
            "AUTOLOADER_OPTION_INVALID",
            f"Option {name} can't be '{value}'",
            nearest(value, wanted.split(", ")) or f"Set it to {wanted}.",
            option=name,
        )

    def missing(self, name: str, what: str) -> DefinitionError:
        """Make the error for an option that must be given."""
        return self.fault(
            "AUTOLOADER_OPTION_MISSING",
            f"{what} the option {name}",
            f'Add .option("{name}", ...).',
            option=name,
        )

    def not_built(self, name: str, value: str = "") -> DefinitionError:
        """Make the error for an option, or a value of it, that is not supported."""
        shown = f"{name} = {value}" if value else name
        return self.fault(
            "AUTOLOADER_OPTION_NOT_BUILT",
            f"Auto Loader option {shown} is not supported in Headwater",
            "Remove it here; docs/parity.md lists what runs locally.",
            option=name,
        )

    def fault(self, code: str, message: str, hint: str = "", **facts: object) -> DefinitionError:
        """Make an error at the user's line."""
        where = self.request.where
        return DefinitionError(code, message, where=where, hint=hint, **facts)


def byte_count(text: str) -> int | None:
    """Read a size such as `10g` or `512mb`; None for anything else."""
    found = _SIZE.fullmatch(text.strip())
    return int(found[1]) * int(1024 ** _SIZE_POWER[found[2].lower()]) if found else None


def _moment(text: str) -> datetime | None:
    """Read a timestamp as Spark's cast does, with an offset or a zone behind it if it has one.

    Example:
        >>> _moment("2021-01-01 00:00:00.000000 UTC+1").isoformat()
        '2021-01-01T00:00:00+01:00'
    """
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        with contextlib.suppress(ValueError):
            return datetime.fromisoformat(text)
        return None
    day, clock, fraction, zone, offset = found.groups()
    fraction = (fraction or "").ljust(6, "0")[:6]
    with contextlib.suppress(ValueError, ZoneInfoNotFoundError):
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00:00'}.{fraction}")
        if offset:
            hours, minutes = re.fullmatch(r"(\d{1,2}?):?(\d\d)?", offset[1:]).groups()  # type: ignore[union-attr]
            away = timedelta(hours=int(hours), minutes=int(minutes or 0))
            return moment.replace(tzinfo=timezone(-away if offset[0] == "-" else away))
        if zone and zone not in ("Z", "UTC", "GMT"):
            return moment.replace(tzinfo=ZoneInfo(zone))
        return moment.replace(tzinfo=timezone.utc) if zone else moment
    return None
