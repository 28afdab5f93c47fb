"""What a rule returns, of lint or of a bundle's check: one warning or error with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from headwater.errors import DefinitionError, HeadwaterError, Location

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One fault: its rule's `code`, what is or will be wrong, the line, and what to write instead.

    Args:
        severity: an error is certain to fail; a warning may be meant.
    """

    code: str
    message: str
    location: Location
    hint: str
    severity: Severity = "warning"

    @classmethod
    def of(cls, error: HeadwaterError, severity: Severity = "error") -> Finding:
        """Return an error in the form of a finding."""
        where = error.where if isinstance(error.where, Location) else Location(error.where or "")
        return cls(error.code, error.message, where, error.hint, severity)

    def as_error(self) -> DefinitionError:
        """Return the finding in the form of errors: the same text as a warning and as an error."""
        return DefinitionError(self.code, self.message, where=self.location, hint=self.hint)
