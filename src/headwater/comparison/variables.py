"""The variables of the bundle at a commit: those of now, as far as it has them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

from headwater.bundle.variables import overrides_file
from headwater.errors import BundleError

_Opened = TypeVar("_Opened")


def give_overrides(now: Path, base: Path, target: str) -> None:
    """Put the file that sets variables on this machine into the base; git seldom has it."""
    file, there = overrides_file(now, target), overrides_file(base, target)
    if file.is_file():
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, there)


def with_known_variables(
    opening: Callable[[Mapping[str, str]], _Opened], given: Mapping[str, str], overrides: Path
) -> _Opened:
    """Open the base; variables that came after it are left out.

    Args:
        opening: opens it with variables of the command line.
        given: those of now, which are all defined now.
        overrides: the file that `give_overrides` has put there; it loses the others.

    Raises:
        BundleError: whatever is wrong with the bundle of the base.
    """
    try:
        return opening(given)
    except BundleError as error:
        if error.code != "VARIABLE_UNDEFINED":
            raise
        known = cast("tuple[str, ...]", error.parameters["known"])
    if overrides.is_file():
        values = json.loads(overrides.read_text(encoding="utf-8"))
        kept = {name: each for name, each in values.items() if name in known}
        overrides.write_text(json.dumps(kept), encoding="utf-8")
    return opening({name: each for name, each in given.items() if name in known})
