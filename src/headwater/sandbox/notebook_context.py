"""What a notebook asks of `dbutils.notebook.entry_point`: where it is, who runs it, its tags.

Databricks documents none of it, but notebooks use `getDbutils().notebook().getContext()` for paths
beside them and for columns that tell who wrote a row. Tokens and addresses are refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from headwater.errors import HeadwaterError, nearest
from headwater.settings import read_settings


@dataclass(frozen=True)
class Option:
    """A value that may not be there, as Scala has it."""

    value: str | None

    def get(self) -> str:
        """Return the value.

        Raises:
            LookupError: there is none.
        """
        if self.value is None:
            raise LookupError("None.get")
        return self.value

    def getOrElse(self, default: str) -> str:  # noqa: N802 - Scala's name
        """Return the value, or the default where there is none."""
        return default if self.value is None else self.value

    def isDefined(self) -> bool:  # noqa: N802 - Scala's name
        """Whether there is a value."""
        return self.value is not None

    def isEmpty(self) -> bool:  # noqa: N802 - Scala's name
        """Whether there is none."""
        return self.value is None


@dataclass(frozen=True)
class Tags:
    """What a workspace notes about a run, by name."""

    values: Mapping[str, str]
    error: Callable[..., HeadwaterError]

    def get(self, name: str) -> Option:
        """Return a tag that may not be there."""
        return Option(self.values.get(name))

    def apply(self, name: str) -> str:
        """Return a tag.

        Raises:
            HeadwaterError: TAG_UNKNOWN.
        """
        if name not in self.values:
            raise self.error(
                "TAG_UNKNOWN",
                f"The context of a notebook has no tag '{name}' here",
                nearest(name, self.values) or f"Tags here: {', '.join(sorted(self.values))}.",
                name=name,
            )
        return self.values[name]


class NotebookContext:
    """The context of the notebook that asks.

    Args:
        file: returns the notebook's file.
        tags: by name, beside `user`, who runs it.
        error: makes an error of code, message, hint and parameters.
        unsupported: makes the error for a part that does not exist here.
    """

    def __init__(
        self,
        file: Callable[[], Path],
        tags: Mapping[str, str],
        error: Callable[..., HeadwaterError],
        unsupported: Callable[[str], HeadwaterError],
    ) -> None:
        self._file = file
        self._tags = Tags({"user": read_settings().user_name, **tags}, error)
        self.unsupported = unsupported

    def notebookPath(self) -> Option:  # noqa: N802 - Databricks' name
        """Return the path on this machine, without the ending, as a workspace has it."""
        return Option(str(self._file().absolute().with_suffix("")))

    def userName(self) -> Option:  # noqa: N802 - Databricks' name
        """Return who runs it."""
        return self._tags.get("user")

    def tags(self) -> Tags:
        """Return the tags."""
        return self._tags

    def toJson(self) -> str:  # noqa: N802 - Databricks' name
        """Return path and tags as JSON."""
        extra = {"notebook_path": self.notebookPath().get()}
        return json.dumps({"extraContext": extra, "tags": dict(self._tags.values)})

    safeToJson = toJson  # noqa: N815 - Databricks' name

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self.unsupported(f"notebook...getContext().{name}")


@dataclass(frozen=True)
class EntryPoint:
    """The way to the context: `entry_point.getDbutils().notebook().getContext()`."""

    context: NotebookContext

    def getDbutils(self) -> EntryPoint:  # noqa: N802 - Databricks' name
        """Return what has the notebook."""
        return self

    def notebook(self) -> EntryPoint:
        """Return what has the context."""
        return self

    def getContext(self) -> NotebookContext:  # noqa: N802 - Databricks' name
        """Return the context."""
        return self.context

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self.context.unsupported(f"notebook.entry_point.{name}")
