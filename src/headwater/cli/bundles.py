"""What `headwater bundle` prints: findings of a check, a target's tree, what differs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from ruamel.yaml import YAML

from headwater.bundle.differences import Difference, differences
from headwater.bundle.load import read_target
from headwater.bundle.resolved import shown_tree
from headwater.bundle_check import Check, check_bundle
from headwater.cli.endings import warn
from headwater.cli.output import place_json, print_json
from headwater.errors import shown
from headwater.finding import Finding
from headwater.settings import bundle_environment, read_settings
from headwater.yaml_nodes import Node

_OWN_NAMES = ("bundle.target", "bundle.environment")
"""What differs between any two targets."""


def print_check(
    bundle: Path,
    target: str | None,
    variables: Mapping[str, str],
    *,
    all_targets: bool,
    strict: bool,
    as_json: bool,
) -> int:
    """Check a bundle and print what was found; return the exit status."""
    found = check_bundle(
        bundle,
        target=target,
        all_targets=all_targets,
        variables=variables,
        environment=bundle_environment(),
        user_name=read_settings().user_name,
    )
    if as_json:
        print_json([_finding_json(finding, targets) for finding, targets in found.findings])
    else:
        _print_check(found)
    return 1 if found.count("error") or (strict and found.findings) else 0


def _finding_json(finding: Finding, targets: tuple[str, ...]) -> dict[str, Any]:
    place = place_json(finding.code, finding.message, finding.location, finding.hint)
    return {"severity": finding.severity, **place, "targets": list(targets)}


def _print_check(found: Check) -> None:
    for finding, targets in found.findings:
        of = f" - {', '.join(targets)}" if targets and targets != found.targets else ""
        headline = finding.as_error().headline
        click.echo(f"{finding.severity}: {shown(headline)}{shown(of)}")
        click.echo(f"  fix: {shown(finding.hint)}")
    checked = ", ".join(found.targets) or "none"
    counts = [_counted(found.count(each), each) for each in ("error", "warning")]
    click.echo(f"Checked targets: {checked}; {', '.join(counts)}.")


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def print_tree(
    bundle: Path, target: str | None, variables: Mapping[str, str], *, as_json: bool
) -> None:
    """Print the resolved tree of a target, as YAML or JSON."""
    tree = _tree(bundle, target, variables).plain()
    if as_json:
        print_json(tree)
        return
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 100
    yaml.dump(tree, sys.stdout)


def print_differences(
    bundle: Path, before: str, after: str, variables: Mapping[str, str], *, as_json: bool
) -> int:
    """Print what differs between two targets; return the exit status.

    The names of the targets themselves are no difference.
    """
    one, other = (_tree(bundle, target, variables) for target in (before, after))
    found = [each for each in differences(one, other) if each.path not in _OWN_NAMES]
    if as_json:
        print_json([_difference_json(each) for each in found])
    else:
        for each in found:
            click.echo(_difference_line(each))
    return 1 if found else 0


def _difference_json(found: Difference) -> dict[str, Any]:
    sides = {"before": found.before, "after": found.after}
    given = {name: node.plain() for name, node in sides.items() if node is not None}
    return {"path": found.path, **given}


def _difference_line(found: Difference) -> str:
    if found.before is None:
        return f"+ {shown(found.path)}: {_value(found.after)}"
    if found.after is None:
        return f"- {shown(found.path)}: {_value(found.before)}"
    return f"  {shown(found.path)}: {_value(found.before)} -> {_value(found.after)}"


def _value(node: Node | None) -> str:
    if node is None:
        return ""
    plain = node.plain()
    return shown(plain) if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _tree(bundle: Path, target: str | None, variables: Mapping[str, str]) -> Node:
    """Return what a target sees; what is wrong with its references is told as warnings."""
    seen = read_target(
        bundle,
        target,
        variables=variables,
        environment=bundle_environment(),
        user_name=read_settings().user_name,
    )
    return shown_tree(seen, warn)
