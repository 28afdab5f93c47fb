"""From a folder to a `Bundle`, one step per line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from headwater.bundle.build import build_bundle
from headwater.bundle.files import find_bundle_file, read_bundle
from headwater.bundle.merge import apply_target
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
    try:
        return _load(file, target, variables or {}, environment or {}, user_name)
    except RecursionError as error:
        raise BundleError(
            "BUNDLE_TOO_DEEP",
            "keys or references are nested too deeply",
            where=Location(str(file)),
            hint="Shorten the chain of references or the nesting of keys.",
        ) from error


def _load(
    file: Path,
    wanted: str | None,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    user_name: str,
) -> Bundle:
    tree, warnings = read_bundle(file)
    try:
        tree = _seen_by_a_target(tree, file.parent, wanted, variables, environment, user_name)
        return build_bundle(tree, file.parent, warnings)
    except BundleError as error:
        if warnings:  # a key that is spelled wrong may be the cause
            error.parameters["warnings"] = tuple(warnings)
        raise


def _seen_by_a_target(
    tree: Node,
    root: Path,
    wanted: str | None,
    variables: Mapping[str, str],
    environment: Mapping[str, str],
    user_name: str,
) -> Node:
    target = choose_target(tree, wanted)
    tree = apply_target(tree, target)
    tree = add_locals(tree, target=target, root=root, user_name=user_name)
    overrides = read_overrides(root, target)
    tree = assign_variables(tree, given=variables, environment=environment, overrides=overrides)
    return add_computed(apply_mode(tree))
