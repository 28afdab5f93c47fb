"""What this library raises beside the errors of headwater, and the faults it collects.

    HeadwaterError (headwater.errors)
    |-- UsageError (ValueError)           the caller's input; the CLI exits with 2
    |   `-- MetadataError                 faults of the metadata, all at once
    |-- ControlTableBusy (RuntimeError)   other writers of the control table never pause
    `-- LeaseLost (RuntimeError)          another monitor took over the control table

What does not live here: how an error is shown (`headwater.cli.endings`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headwater.errors import HeadwaterError, UsageError, nearest


class ControlTableBusy(HeadwaterError, RuntimeError):
    """Other programs write the control table without a pause; a part may be written."""


class LeaseLost(HeadwaterError, RuntimeError):
    """Another monitor holds the control table now; this one has stopped."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with the metadata of one source.

    Args:
        code: UPPER_SNAKE, for programs and tests.
        message: what is wrong; names fields, never shows values of parameters.
        where: `file:line`, or `table: module/source_id` for a row of the control table.
        hint: what to do about it.
        module_name: the module that is not deployed because of it; "" when it is unknown.
        source_id: the source that has the fault; "" when it concerns a file or a module.
    """

    code: str
    message: str
    where: str = ""
    hint: str = ""
    module_name: str = ""
    source_id: str = ""

    @property
    def error(self) -> UsageError:
        """The fault as an error."""
        return UsageError(self.code, self.message, where=self.where, hint=self.hint)

    def __str__(self) -> str:
        return str(self.error)


class MetadataError(UsageError):
    """All faults that were found in a piece of metadata; nothing of it was used.

    Args:
        faults: every fault, at least one, in the order of files and lines.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        first = self.faults[0]
        if len(self.faults) == 1:
            super().__init__(first.code, first.message, where=first.where, hint=first.hint)
        else:
            super().__init__("METADATA_INVALID", f"{len(self.faults)} faults in the metadata")

    @property
    def parts(self) -> tuple[HeadwaterError, ...]:
        """Each fault as an error of its own."""
        return tuple(fault.error for fault in self.faults)


def module_unknown(name: str, known: Iterable[str], where: str = "") -> UsageError:
    """Report that a module has no active source, and which modules do."""
    names = sorted(known)
    return UsageError(
        "MODULE_UNKNOWN",
        f"Module '{name}' has no active source",
        where=where,
        hint=nearest(name, names) or f"There are: {', '.join(names[:10]) or 'none'}.",
    )
