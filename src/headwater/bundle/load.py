"""From a folder to a `Bundle`, one step per line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headwater.bundle.access import apply_access
from headwater.bundle.build import build_bundle
from headwater.bundle.files import find_bundle_file, read_bundle
from headwater.bundle.merge import apply_target, merge_keyed
from headwater.bundle.spec import Bundle
from headwater.bundle.targets import add_computed, add_locals, apply_mode, choose_target
from headwater.bundle.variables import assign_variables, read_overrides
from headwater.errors import BundleError, Location
from headwater.yaml_nodes import Node


def load_bundle(
    directory: Path,
    *,
    target: str | None = None,
    variables: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    user_name: str = "local",
) -> Bundle:
    """Return the bundle of a folder as one target sees it; reads files only, writes nothing.

    Args:
        directory: a folder in a bundle (the first `databricks.yml` going up counts), or the file.
        target: name of the target; without it the default, or the only one.
        variables: values of `--var`, by name.
        environment: where `BUNDLE_VAR_<name>` is looked up; nothing else is read from it.
        user_name: who runs; development mode puts its short form into names.

    Raises:
        BundleError: whatever is wrong with the bundle, with a code, file, line and hint; unknown
            keys are in its parameter `warnings`.

    Example:
        >>> load_bundle(Path("."), target="dev", user_name="alice@example.org").pipeline().name
        '[dev alice] patient_flow'
    """
    file = find_bundle_file(directory)
    with bounded(file):
        tree, warnings = read_bundle(file)
        with _telling(warnings):
            seen = see_target(
                tree,
                file.parent,
                target,
                variables=variables or {},
                environment=environment or {},
                user_name=user_name,
            )
            return build_bundle(seen.complete, file.parent, warnings)


@dataclass(frozen=True)
class TargetTree:
    """The tree of a bundle at each step on the way to what a target sees; nothing is resolved.

    Args:
        root: the folder of `databricks.yml`.
        target: name of the target.
        declared: with the target's overrides and the values of variables; names as written.
        named: what the target's mode, presets, permissions and `run_as` make of it.
        complete: with the fields that a deployment would compute, to which references may lead.
    """

    root: Path
    target: str
    declared: Node
    named: Node
    complete: Node


def see_target(
    tree: Node,
    root: Path,
    wanted: str | None,
    *,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    user_name: str,
) -> TargetTree:
    """Return what a target sees of the merged files of a bundle.

    Args:
        wanted: name of the target; without it the default, or the only one.

    Raises:
        BundleError: of the target, its variables, its mode, or a merge.
    """
    target = choose_target(tree, wanted)
    tree = apply_target(tree, target)
    tree = add_locals(tree, target=target, root=root, user_name=user_name)
    overrides = read_overrides(root, target)
    tree = assign_variables(tree, given=variables, environment=environment, overrides=overrides)
    tree = merge_keyed(tree)
    named = apply_access(apply_mode(tree))
    return TargetTree(root, target, tree, named, add_computed(named))


def read_target(
    directory: Path,
    target: str | None,
    *,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    user_name: str,
) -> TargetTree:
    """Read what a target sees of the bundle of a folder; arguments are those of `load_bundle`.

    Raises:
        BundleError: whatever keeps the files from being read as one tree.
    """
    file = find_bundle_file(directory)
    with bounded(file):
        tree, _ = read_bundle(file)
        return see_target(
            tree,
            file.parent,
            target,
            variables=variables,
            environment=environment,
            user_name=user_name,
        )


@contextmanager
def bounded(file: Path) -> Iterator[None]:
    """Refuse a bundle that is nested too deeply.

    Raises:
        BundleError: BUNDLE_TOO_DEEP.
    """
    try:
        yield
    except RecursionError as error:
        raise BundleError(
            "BUNDLE_TOO_DEEP",
            "keys or references are nested too deeply",
            where=Location(str(file)),
            hint="Shorten the chain of references or the nesting of keys.",
        ) from error


@contextmanager
def _telling(warnings: list[BundleError]) -> Iterator[None]:
    """Put warnings into an error: a key that is spelled wrong may be its cause."""
    try:
        yield
    except BundleError as error:
        if warnings:
            error.parameters["warnings"] = tuple(warnings)
        raise
