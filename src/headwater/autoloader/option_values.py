"""Read single values of options, and make the errors for those that are wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone

from headwater.autoloader.request import CloudFiles
from headwater.errors import DefinitionError, nearest
from headwater.intervals import interval_seconds

_SIZE = re.compile(r"(\d+)\s*([kmgtp]?)(?:i?b)?", re.IGNORECASE)
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
        found = _SIZE.fullmatch(value)
        if not found or int(found[1]) == 0:
            raise self.invalid(name, value, "a size such as 10g or 512mb")
        return int(int(found[1]) * 1024 ** _SIZE_POWER[found[2].lower()])

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
        try:
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            raise self.invalid(name, value, "a timestamp such as 2026-01-31T12:00:00") from None
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
