"""What a lint rule returns: one warning with its place."""

from __future__ import annotations

from dataclasses import dataclass

from headwater.errors import DefinitionError, Location


@dataclass(frozen=True)
class Finding:
    """One warning: its rule's `code`, what will hurt, the line, and what to write instead."""

    code: str
    message: str
    location: Location
    hint: str

    def as_error(self) -> DefinitionError:
        """Return the finding in the form of errors: the same text as a warning and as an error."""
        return DefinitionError(self.code, self.message, where=self.location, hint=self.hint)
