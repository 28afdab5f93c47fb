"""`headwater bundle check|show|diff`: a bundle as its targets see it, without a workspace."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headwater.cli.groups import Commands
from headwater.cli.lazy import LazyModule
from headwater.cli.options import bundle_options, target_option
from headwater.errors import UsageError

if TYPE_CHECKING:
    from headwater.cli import bundles
else:
    bundles = LazyModule("headwater.cli.bundles")

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(cls=Commands)
def bundle() -> None:
    """Check, show and compare what the targets of a bundle see.

    This reads files only: neither a workspace nor the Databricks CLI is used.

    \b
    Example:
      headwater bundle check --all
      headwater bundle diff dev prod
    """


@bundle.command()
@bundle_options
@target_option
@click.option("--all", "all_targets", is_flag=True, help="Check every target.")
@click.option("--strict", is_flag=True, help="End with status 1 for warnings as well.")
@_json
def check(
    bundle: Path,
    variables: Mapping[str, str],
    target: str | None,
    all_targets: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """Check a target against the public reference of bundles (docs/bundle.md).

    Exit status: 0 without errors, 1 with some, 2 for a wrong call.

    \b
    Examples:
      headwater bundle check -t prod
      headwater bundle check --all --strict --json
    """
    if target and all_targets:
        raise UsageError(
            "TARGETS_CONFLICT", "Both --target and --all are given", hint="Pass one of them."
        )
    status = bundles.print_check(
        bundle, target, variables, all_targets=all_targets, strict=strict, as_json=as_json
    )
    sys.exit(status)


@bundle.command()
@bundle_options
@target_option
@_json
def show(bundle: Path, variables: Mapping[str, str], target: str | None, as_json: bool) -> None:
    """Show the bundle as a target sees it, with references resolved; secrets are masked.

    What only a workspace knows stays a reference.

    \b
    Example:
      headwater bundle show -t prod
    """
    bundles.print_tree(bundle, target, variables, as_json=as_json)


@bundle.command()
@click.argument("before", metavar="TARGET")
@click.argument("after", metavar="OTHER")
@bundle_options
@_json
def diff(
    before: str, after: str, bundle: Path, variables: Mapping[str, str], as_json: bool
) -> None:
    """Show what differs between TARGET and OTHER; items of lists are matched by their keys.

    Exit status: 0 if nothing differs, 1 if something does, 2 for a wrong call.

    \b
    Example:
      headwater bundle diff dev prod
    """
    sys.exit(bundles.print_differences(bundle, before, after, variables, as_json=as_json))
