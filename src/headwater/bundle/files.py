"""The files of a bundle: finding `databricks.yml`, reading it and what it includes.

What does not live here: the sources of a pipeline (`libraries`), merging rules (`merge`).
"""

from __future__ import annotations

import glob
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from headwater.bundle.keys import INCLUDED_FILE, ROOT_FILE
from headwater.bundle.merge import merge
from headwater.bundle.shapes import Shape, check
from headwater.bundle.source import read_yaml
from headwater.errors import BundleError, Location
from headwater.yaml_nodes import Node

FILE_NAMES = ("databricks.yml", "databricks.yaml")


def find_bundle_file(directory: Path) -> Path:
    """Return the absolute path of the bundle's main file: the file itself, or the nearest above.

    Raises:
        BundleError: BUNDLE_NOT_FOUND; BUNDLE_AMBIGUOUS when a folder has both spellings.
    """
    start = directory.absolute()
    if start.is_file():
        return start.parent.resolve() / start.name
    for folder in (start, *start.parents) if start.is_dir() else ():
        found = [folder / name for name in FILE_NAMES if (folder / name).is_file()]
        if len(found) > 1:
            raise BundleError(
                "BUNDLE_AMBIGUOUS",
                "databricks.yml and databricks.yaml are in the same folder",
                where=Location(str(folder)),
                hint="Keep one of them.",
                folder=str(folder),
            )
        if found:
            return folder.resolve() / found[0].name
    raise BundleError(
        "BUNDLE_NOT_FOUND",
        "no databricks.yml in the folder or above it",
        where=Location(str(start)),
        hint="Go to the bundle's folder or name it with --bundle.",
        directory=str(start),
    )


Judge: TypeAlias = Callable[[Node, Shape], list[BundleError]]


def read_bundle(file: Path, judge: Judge = check) -> tuple[Node, list[BundleError]]:
    """Read the main file and its includes, check their keys, and merge them in order.

    Args:
        judge: checks a file; may raise.

    Returns:
        The tree, and what `judge` returned: a warning for each unknown key.

    Raises:
        BundleError: whatever is wrong with a file; BUNDLE_INCLUDE_EMPTY for a file that does not
            exist, BUNDLE_PATH_OUTSIDE, RESOURCE_DUPLICATE for a key that two resources share (of
            any kind, in any file).
    """
    tree = read_yaml(file)
    warnings = judge(tree, ROOT_FILE)
    tree = _with_targets(tree)
    seen: dict[str, Node] = {}
    _note_resources(tree, seen)
    include = tree.get("include")
    for path in _included_files(include, file) if include else ():
        part = read_yaml(path, may_be_empty=True)
        warnings += judge(part, INCLUDED_FILE)
        _note_resources(part, seen)
        tree = merge(tree, _with_targets(part))
    return tree, warnings


def _with_targets(tree: Node) -> Node:
    """Return a tree whose `environments`, as targets were once called, are `targets`."""
    old = tree.get("environments")
    if old is None:
        return tree
    if tree.get("targets"):
        raise BundleError(
            "BUNDLE_KEY_CONFLICT",
            "the file has 'targets' and 'environments'",
            where=old.location,
            hint="Keep 'targets'; 'environments' is its old name.",
            key="environments",
        )
    kept = {key: child for key, child in tree.entries.items() if key != "environments"}
    return replace(tree, value={**kept, "targets": old})


def _included_files(include: Node, file: Path) -> list[Path]:
    """Expand the patterns, each sorted; `**` counts as `*`, as in the Databricks CLI.

    A pattern may match nothing, as there; a file that is listed by name must exist.
    """
    found: dict[Path, None] = {}
    for entry in include.items:
        matched = matches(entry.text, file.parent)
        if not entry.text or (not matched and not any(sign in entry.text for sign in "*?[")):
            raise _include_error("BUNDLE_INCLUDE_EMPTY", "matches no file", entry)
        for match in matched:
            if not match.is_relative_to(file.parent):
                raise _include_error("BUNDLE_PATH_OUTSIDE", "points outside the bundle", entry)
            if match.suffix not in {".yml", ".yaml", ".json"}:
                raise _include_error(
                    "BUNDLE_INCLUDE_WRONG", "matches a file that is not YAML", entry
                )
            if match != file:
                found[match] = None
    return list(found)


def matches(pattern: str, folder: Path) -> list[Path]:
    """Return the files that a pattern of `include` matches, sorted."""
    # Path.glob refuses absolute patterns and reads ** another way.
    found = sorted(glob.glob(f"{glob.escape(str(folder))}/{pattern}"))  # noqa: PTH207
    return [path for each in found if (path := Path(each).resolve()).is_file()]


def _note_resources(tree: Node, seen: dict[str, Node]) -> None:
    """Refuse a resource key that is taken: `bundle run KEY` must be unambiguous."""
    for kind in tree.below("resources").values():
        for key, node in kind.entries.items():
            if key in seen:
                raise BundleError(
                    "RESOURCE_DUPLICATE",
                    f"the resource key '{key}' is taken, in {seen[key].location}",
                    where=node.location,
                    hint="Keys are unique across all kinds of resources: rename one.",
                    key=key,
                    line=node.location.line,
                )
            seen[key] = node


def _include_error(code: str, problem: str, entry: Node) -> BundleError:
    return BundleError(
        code,
        f"the include '{entry.text}' {problem}",
        where=entry.location,
        hint="Patterns are relative to the folder of databricks.yml; correct or remove it.",
        pattern=entry.text,
        line=entry.location.line,
    )
