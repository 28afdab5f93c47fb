"""Every error that Headwater raises on purpose.

The tree (each leaf also inherits a builtin, so plain `except ValueError` works):

    HeadwaterError                what happened - where - what to do
    |-- UsageError (ValueError)           the caller's input; the CLI exits with 2
    |   |-- BundleError                   databricks.yml, resources, variables, targets
    |   |-- SettingError                  environment, Java, jars, flags
    |   `-- ContractError                 a contract of a topic is missing or broken
    |-- DefinitionError (ValueError)      one fault in pipeline source code
    |-- GraphError (ValueError)           all faults of a pipeline, reported at once
    |-- JobError (RuntimeError)           a task of a job failed while it ran here
    |-- LandingError (RuntimeError)       landing of events can't go on
    |   |-- SourceError                   the broker refuses, or can't be reached
    |   `-- SinkError                     the storage refuses
    |-- DeploymentError (RuntimeError)    a job can't be made what its definition says
    |-- WorkspaceError (RuntimeError)     a workspace refuses, or can't be reached
    `-- UpdateError (RuntimeError)        an update or a flow failed while running
        |-- UpdateInProgress              another update holds the pipeline
        |-- ExpectationViolation          an `expect_or_fail` rule did not hold
        |-- SourceFileError               a file of a source can't be read
        `-- SchemaChange                  a source has other columns; the update restarts

What does not live here: how an error is shown (`cli`).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Location:
    """A place in a user's file; `line` counts from 1, 0 means the whole file.

    Attributes:
        cell: number of the notebook's cell that `line` counts in, 0 where it counts in the file.
        column: from 1, 0 where it is not known.

    Example:
        >>> str(Location("etl.ipynb", 2, cell=3)), str(Location("etl.sql", 2, column=8))
        ('etl.ipynb, cell 3, line 2', 'etl.sql:2:8')
    """

    file: str
    line: int = 0
    cell: int = 0
    column: int = 0

    def __str__(self) -> str:
        path = Path(self.file)
        try:
            shown = path.relative_to(Path.cwd()).as_posix()
        except ValueError:
            shown = path.as_posix()
        if self.cell:
            line = f", line {self.line}" if self.line else ""
            column = f", column {self.column}" if self.column else ""
            return f"{shown}, cell {self.cell}{line}{column}"
        column = f":{self.column}" if self.column else ""
        return f"{shown}:{self.line}{column}" if self.line else shown


class HeadwaterError(Exception):
    """The root: a `code` in UPPER_SNAKE, what happened, where, and a `hint` on what to do.

    Args:
        code: stable name of the error, for programs and tests.
        message: what happened, without values of rows and without secrets.
        where: the user's file and line, or a dataset's name.
        hint: what the reader can do about it.
        parameters: the facts behind the text, for programs and tests.
    """

    exit_code = 1

    def __init__(
        self,
        code: str,
        message: str,
        *,
        where: Location | str | None = None,
        hint: str = "",
        **parameters: object,
    ) -> None:
        self.code = code
        self.message = message
        self.where = where
        self.hint = hint
        self.parameters = parameters
        super().__init__(self.headline)

    @property
    def headline(self) -> str:
        """One line: code, what happened, where."""
        place = f" ({self.where})" if self.where else ""
        return f"[{self.code}] {self.message}{place}"

    @property
    def parts(self) -> tuple[HeadwaterError, ...]:
        """The errors to show: itself, or each fault that it gathers."""
        return (self,)

    def __str__(self) -> str:
        return f"{self.headline} - {self.hint}" if self.hint else self.headline


class UsageError(HeadwaterError, ValueError):
    """Invalid request: wrong flag, missing file, unknown name."""

    exit_code = 2


class BundleError(UsageError):
    """`databricks.yml` or a file it includes is missing, broken or contradicts itself."""


class SettingError(UsageError):
    """The machine or the environment lacks something: Java, jars, memory, a variable."""


class ContractError(UsageError):
    """The contract of a topic is missing, broken, or does not fit its topic."""


class DefinitionError(HeadwaterError, ValueError):
    """One fault in a pipeline's source: a wrong argument, an unknown name, a side effect."""


class GraphError(HeadwaterError, ValueError):
    """All faults that were found in a pipeline, so that one run shows them all.

    Args:
        faults: every fault, in the order of files and lines.
    """

    def __init__(self, faults: Sequence[HeadwaterError]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        super().__init__(
            self.faults[0].code if count == 1 else "PIPELINE_INVALID",
            self.faults[0].message if count == 1 else f"{count} faults in the pipeline's source",
            where=self.faults[0].where if count == 1 else None,
            hint=self.faults[0].hint if count == 1 else "",
            faults=self.faults,
        )

    @property
    def parts(self) -> tuple[HeadwaterError, ...]:
        """Each fault, so that all are shown."""
        return self.faults if len(self.faults) > 1 else (self,)


class JobError(HeadwaterError, RuntimeError):
    """A task of a job can't run here, or failed while it ran."""


class TaskValueError(JobError, ValueError):
    """What a task should have told others is not there; a ValueError, as in a workspace."""


class LandingError(HeadwaterError, RuntimeError):
    """Landing can't continue; what is landed stays, and a new start continues from there."""


class SourceError(LandingError):
    """The broker can't be reached, or refuses: host, TLS, key, topic."""


class SinkError(LandingError):
    """The storage refuses, or holds what contradicts the source.

    Args:
        is_transient: waiting may fix it, so that a retry makes sense.
    """

    def __init__(
        self, code: str, message: str, *, hint: str = "", is_transient: bool = False
    ) -> None:
        super().__init__(code, message, hint=hint)
        self.is_transient = is_transient


class DeploymentError(HeadwaterError, RuntimeError):
    """A job can't be brought in step with its definition: refused, or two can't be told apart."""


class WorkspaceError(HeadwaterError, RuntimeError):
    """A workspace refuses a call, or can't be reached."""


class UpdateError(HeadwaterError, RuntimeError):
    """An update, or one of its flows, failed while it ran."""


class UpdateInProgress(UpdateError):
    """Another process runs an update of this pipeline and target."""


class ExpectationViolation(UpdateError):
    """A row broke an `expect_or_fail` rule; nothing of its batch was written."""


class SourceFileError(UpdateError):
    """A file of a source is missing, half written or corrupt."""


class SchemaChange(UpdateError):
    """A source has other columns than when the update began, which has to start again."""


def shown(text: str) -> str:
    """Write a text so that it stays on its line of a terminal, and changes nothing else there.

    Example:
        >>> shown("two\\nlines")
        'two\\\\nlines'
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


_ALIKE_ELSEWHERE = 0.85
"""How alike names of three parts must be that begin otherwise: much of them is the same anyway."""


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the closest of the `known` names as a sentence, or "" when none is close.

    Of names of three parts, those of tables, that begin alike, the last parts are compared.

    Args:
        cutoff: how alike two names must be; 1 is equal.

    Example:
        >>> nearest("pipelnes", ["pipelines", "volumes"])
        "Did you mean 'pipelines'?"
    """
    names = {each.lower(): each for each in known}
    before, dot, last = name.lower().rpartition(".")
    if name.count(".") > 1:
        beside = {each[len(before) + 1 :]: each for each in names if each.startswith(before + dot)}
        found = difflib.get_close_matches(last, beside, n=1, cutoff=cutoff)
        if found:
            return f"Did you mean '{names[beside[found[0]]]}'?"
        names = {each: full for each, full in names.items() if each not in beside.values()}
        if not any(each.endswith(dot + last) for each in names):
            cutoff = max(cutoff, _ALIKE_ELSEWHERE)
    found = difflib.get_close_matches(name.lower(), names, n=1, cutoff=cutoff)
    return f"Did you mean '{names[found[0]]}'?" if found else ""


class Faults:
    """Collects what is raised in `with` blocks, so that all of it is reported at once."""

    def __init__(self) -> None:
        self.found: list[HeadwaterError] = []

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, HeadwaterError):
            self.found.append(error)
            return True
        return False


@contextmanager
def all_faults() -> Iterator[Faults]:
    """Raise what the blocks `with faults:` inside have met.

    Raises:
        GraphError: with all of it, if there is any.
    """
    faults = Faults()
    yield faults
    if faults.found:
        raise GraphError(faults.found)
