"""Options that several commands share."""

from __future__ import annotations

import csv
import functools
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from headwater.cli.endings import warn
from headwater.errors import BundleError, UsageError
from headwater.settings import read_settings
from headwater.state.target import Target, open_target

Command = Callable[..., Any]

full_refresh_option = click.option(
    "--full-refresh",
    is_flag=False,
    flag_value="*",
    metavar="[T,...]",
    help="Recompute all tables, or the named ones, from all source rows.",
)

_BUNDLE = click.option(
    "--bundle",
    default=".",
    type=click.Path(path_type=Path),
    help="Folder of databricks.yml (the current folder).",
)
target_option = click.option("-t", "--target", help="Target of the bundle (its default target).")
_VARIABLES = click.option(
    "--var", "variables", multiple=True, metavar="K=V", help="Bundle variable."
)
_STATE = click.option(
    "--state", type=click.Path(path_type=Path), help="State folder (.headwater/TARGET)."
)

profile_option = click.option(
    "--profile", help="Profile of .databrickscfg; else DATABRICKS_HOST and so on."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def target_options(command: Command) -> Command:
    """Add --bundle, --target, --var and --state; the command gets the `target` that they name."""

    @functools.wraps(command)
    def opened(
        *arguments: Any,
        bundle: Path,
        target: str | None,
        variables: tuple[str, ...],
        state: Path | None,
        **given: Any,
    ) -> Any:
        return command(*arguments, target=_chosen_target(bundle, target, variables, state), **given)

    return _BUNDLE(target_option(_VARIABLES(_STATE(opened))))


def target_words(context: click.Context) -> str:
    """Write the options by which a command named its target, for another command on the same."""
    given = context.params
    options = {
        "--bundle": None if str(given["bundle"]) == "." else given["bundle"],
        "-t": given["target"],
        "--state": given["state"],
    }
    words = [word for pair in options.items() if pair[1] for word in pair]
    variables = [word for each in given["variables"] for word in ("--var", each)]
    return shlex.join(map(str, [*words, *variables]))


def bundle_options(command: Command) -> Command:
    """Add --bundle and --var; the command gets the `bundle` and its `variables`, by name."""

    @functools.wraps(command)
    def read(*arguments: Any, variables: tuple[str, ...], **given: Any) -> Any:
        return command(*arguments, variables=variable_values(variables), **given)

    return _BUNDLE(_VARIABLES(read))


def _chosen_target(
    bundle: Path, target: str | None, variables: tuple[str, ...], state: Path | None
) -> Target:
    """Open a target; print the bundle's warnings on stderr."""
    try:
        opened = open_target(
            bundle,
            target=target,
            variables=variable_values(variables),
            state=state,
            settings=read_settings(),
        )
    except BundleError as error:
        warnings = error.parameters.get("warnings")
        _warn(warnings if isinstance(warnings, tuple) else ())
        raise
    _warn(opened.bundle.warnings)
    return opened


def _warn(warnings: Iterable[BundleError]) -> None:
    for warning in warnings:
        warn(warning)


def key_values(given: tuple[str, ...], option: str) -> dict[str, str]:
    """Read the values of an option of the form K=V.

    Raises:
        UsageError: VARIABLE_INVALID.
    """
    pairs = {}
    for each in given:
        key, equals, value = each.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                "VARIABLE_INVALID", f"Not K=V: {each!r}", hint=f"Write {option} name=x."
            )
        pairs[key.strip()] = value
    return pairs


def variable_values(given: tuple[str, ...]) -> dict[str, str]:
    """Read the values of `--var`: K=V, or K=V,K=V as the Databricks CLI takes it.

    Quotes keep a value with commas whole.

    Raises:
        UsageError: VARIABLE_INVALID.
    """
    pairs: list[str] = []
    for text in given:
        parts = _parts(text)
        are_pairs = parts and all(re.match(r"\s*[\w-]+\s*=", part) for part in parts)
        pairs += parts if are_pairs else [text]
    return key_values(tuple(pairs), "--var")


def _parts(text: str) -> list[str]:
    try:
        return next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error:  # lines, such as those of a certificate
        return [text]


def names(text: str | None) -> tuple[str, ...]:
    """Split a comma list of names; without a list there are none.

    Raises:
        UsageError: NAMES_EMPTY, for a list that is empty: a variable of a script may be unset.
    """
    found = tuple(each.strip() for each in (text or "").split(",") if each.strip())
    if text is not None and not found:
        raise UsageError(
            "NAMES_EMPTY", "An option names nothing", hint="Name something, or leave it out."
        )
    return found


def reads_workspace(command: Command) -> Command:
    """Add --workspace and --profile."""

    @functools.wraps(command)
    def asked(*arguments: Any, workspace: bool, profile: str | None, **given: Any) -> Any:
        if profile and not workspace:
            raise UsageError(
                "OPTION_WITHOUT_EFFECT",
                "--profile has no effect on a state folder",
                hint="Pass --workspace too, or leave --profile out.",
            )
        return command(*arguments, workspace=workspace, profile=profile, **given)

    flag = click.option(
        "--workspace", is_flag=True, help="Ask the workspace, and not the state folder."
    )
    return flag(profile_option(asked))


def reads_only(command: Command) -> Command:
    """Add --json, and a --dry-run that changes nothing: all `ops` commands can be called alike."""
    dry = click.option(
        "--dry-run",
        is_flag=True,
        expose_value=False,
        help="Accepted by all ops commands; this one changes nothing anyway.",
    )
    return json_option(dry(command))


def writes_if_applied(command: Command) -> Command:
    """Add --json, --apply and --dry-run; the command gets `apply`, which is off by default."""

    @functools.wraps(command)
    def decided(*arguments: Any, apply: bool, dry_run: bool, **given: Any) -> Any:
        if apply and dry_run:
            raise UsageError(
                "OPTIONS_CONFLICT",
                "Both --apply and --dry-run are given",
                hint="Pass one of them; without both, nothing is changed.",
            )
        return command(*arguments, apply=apply, **given)

    dry = click.option("--dry-run", is_flag=True, help="Show what would be done (the default).")
    return json_option(click.option("--apply", is_flag=True, help="Do it.")(dry(decided)))
