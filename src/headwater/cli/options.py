"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from headwater.engine.target import Target, open_target
from headwater.errors import UsageError
from headwater.settings import read_settings

F = TypeVar("F", bound=Callable[..., Any])


def target_options(command: F) -> F:
    """Add --bundle, --target, --var and --state."""
    for option in (
        click.option(
            "--state", type=click.Path(path_type=Path), help="State folder (.headwater/TARGET)."
        ),
        click.option("--var", "variables", multiple=True, metavar="K=V", help="Bundle variable."),
        click.option("-t", "--target", help="Target of the bundle (its default one)."),
        click.option(
            "--bundle",
            default=".",
            type=click.Path(path_type=Path),
            help="Folder of databricks.yml (the current one).",
        ),
    ):
        command = option(command)
    return command


def chosen_target(
    bundle: Path, target: str | None, variables: tuple[str, ...], state: Path | None
) -> Target:
    """Open the target that the shared options name."""
    return open_target(
        bundle,
        target=target,
        variables=_pairs(variables),
        state=state,
        settings=read_settings(),
    )


def _pairs(variables: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for given in variables:
        key, equals, value = given.partition("=")
        if not equals or not key.strip():
            raise UsageError("VARIABLE_INVALID", f"Not K=V: {given!r}", hint="Write --var name=x.")
        pairs[key.strip()] = value
    return pairs


def names(text: str | None) -> tuple[str, ...]:
    """Split a comma list of names."""
    return tuple(each.strip() for each in (text or "").split(",") if each.strip())
