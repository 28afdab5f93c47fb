"""Every error that this library raises on purpose, and the faults it collects.

    JobMetaError              what happened - where - what to do
    |-- UsageError (ValueError)       the caller's input; the CLI exits with 2
    |   `-- MetadataError             faults of the metadata, all at once
    |-- DeploymentError (RuntimeError)    the Jobs API refuses, or two jobs can't be told apart
    `-- LeaseLost (RuntimeError)          another monitor took over the control table

What does not live here: how an error is shown (`cli`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class JobMetaError(Exception):
    """The root: a `code` in UPPER_SNAKE, what happened, where, and a `hint` on what to do."""

    exit_code = 1

    def __init__(self, code: str, message: str, *, where: str = "", hint: str = "") -> None:
        self.code = code
        self.message = message
        self.where = where
        self.hint = hint
        super().__init__(self.headline)

    @property
    def headline(self) -> str:
        """One line: code, what happened, where."""
        return f"[{self.code}] {self.message}" + (f" ({self.where})" if self.where else "")

    def __str__(self) -> str:
        return f"{self.headline} - {self.hint}" if self.hint else self.headline


class UsageError(JobMetaError, ValueError):
    """The caller asked for something that can't be: wrong flag, missing file, unknown name."""

    exit_code = 2


class DeploymentError(JobMetaError, RuntimeError):
    """A job can't be brought in step with its metadata."""


class LeaseLost(JobMetaError, RuntimeError):
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

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        advice = f" - {self.hint}" if self.hint else ""
        return f"[{self.code}] {self.message}{place}{advice}"


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


def shown(text: str) -> str:
    """Write a name so that it stays on its line of a terminal, and changes nothing else there."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the closest of the `known` names as a sentence, or "" when none is close."""
    names = {each.lower(): each for each in known}
    found = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f"Did you mean '{names[found[0]]}'?" if found else ""


def module_unknown(name: str, known: Iterable[str], where: str = "") -> UsageError:
    """Report that a module has no active source, and which modules do."""
    names = sorted(known)
    return UsageError(
        "MODULE_UNKNOWN",
        f"Module '{name}' has no active source",
        where=where,
        hint=nearest(name, names) or f"There are: {', '.join(names[:10]) or 'none'}.",
    )
