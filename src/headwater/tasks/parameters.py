"""Parameters of a task: from widgets of a notebook, or from the arguments of a script."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.errors import UsageError, nearest

Function = Callable[[Any, Mapping[str, str]], Mapping[str, Any]]
"""Does the work of a task on a session, and returns what it counted."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a task.

    Attributes:
        pattern: of the whole value.
        means: what it is, for the message when it is missing or wrong.
        default: None if it must be given.
        reads: called with a value that has the pattern; a ValueError says that it is wrong.
    """

    name: str
    pattern: str
    means: str
    default: str | None = None
    reads: Callable[[str], object] = str

    def takes(self, value: str) -> bool:
        """Whether a value is one of this parameter."""
        if not re.fullmatch(self.pattern, value):
            return False
        try:
            self.reads(value)
        except ValueError:
            return False
        return True


IDENTIFIER = r"[A-Za-z_]\w*"
"""Pattern of a name that needs no quotes."""


def checked(parameters: Sequence[Parameter], given: Mapping[str, str]) -> dict[str, str]:
    r"""Return the value of each parameter; names all that are missing or wrong at once.

    Raises:
        UsageError: PARAMETER_INVALID.

    Example:
        >>> checked([Parameter("events", r"\d+", "how many events", "2000")], {})
        {'events': '2000'}
    """
    known = [each.name for each in parameters]
    faults = [
        f"there is no '{name}'. {nearest(name, known)}".rstrip()
        for name in given
        if name not in known
    ]
    values = {}
    for each in parameters:
        value = given.get(each.name) or each.default
        if value is None:
            faults.append(f"'{each.name}' is missing: {each.means}")
        elif not each.takes(value):
            faults.append(f"'{each.name}' is not {each.means}")
        else:
            values[each.name] = value
    if faults:
        raise UsageError(
            "PARAMETER_INVALID",
            "; ".join(faults),
            hint="Set it in the parameters of the task, or in the widget of the notebook.",
        )
    return values


def from_widgets(parameters: Sequence[Parameter], dbutils: Any) -> dict[str, str]:
    """Read the widgets of a notebook, which are made where they are not there yet.

    Raises:
        UsageError: PARAMETER_INVALID.
    """
    for each in parameters:
        dbutils.widgets.text(each.name, each.default or "", each.means)
    return checked(parameters, {each.name: dbutils.widgets.get(each.name) for each in parameters})


def from_arguments(parameters: Sequence[Parameter], arguments: Sequence[str]) -> dict[str, str]:
    """Read the arguments of a script, each as `--name=value` or `--name value`.

    Raises:
        UsageError: PARAMETER_INVALID.
    """
    words = list(arguments)
    given: dict[str, str] = {}
    while words:
        name, equals, value = words.pop(0).removeprefix("--").partition("=")
        given[name] = value if equals or not words else words.pop(0)
    return checked(parameters, given)
