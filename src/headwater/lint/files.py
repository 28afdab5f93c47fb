"""Which files lint looks at: the source files of an update, and the modules they import."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Union

from headwater.finding import Finding
from headwater.graph.sources import SourceText
from headwater.lint.source import check_tree

ReadText = Callable[[Path], Union[SourceText, None]]  # noqa: UP007 - Python 3.10


def check_files(files: Sequence[Path], folders: Sequence[Path], read: ReadText) -> list[Finding]:
    """Apply the rules to source files, and to what they import of `folders`; each is parsed once.

    Args:
        folders: where modules of the bundle are looked for; installed packages are not looked at.
        read: returns a file's Python text; None for one that it can't read.
    """
    found: list[Finding] = []
    for source, tree in sources_of(files, folders, read):
        with suppress(ValueError, RecursionError):  # nested too deeply to follow; it still runs
            found.extend(
                replace(each, location=source.location(each.location.line))
                for each in check_tree(tree, str(source.file))
            )
    return found


def sources_of(
    files: Sequence[Path], folders: Sequence[Path], read: ReadText
) -> Iterator[tuple[SourceText, ast.Module]]:
    """Read source files and what they import of `folders`, each once; see `check_files`.

    The tree of a file that can't be parsed is empty: the loader reports it.
    """
    waiting, seen = list(files), set(files)
    while waiting:
        file = waiting.pop(0)
        source = read(file)
        if source is None:
            continue
        try:
            tree = _parsed(source.text, str(file))
        except (SyntaxError, ValueError, RecursionError):
            tree = ast.Module([], [])
        yield source, tree
        for module in _imported(tree, file, folders):
            if module not in seen:
                seen.add(module)
                waiting.append(module)


def _parsed(text: str, file: str) -> ast.Module:
    """Parse a file; Python's own warnings about it come when the loader compiles it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text, file)


def _imported(tree: ast.Module, file: Path, folders: Sequence[Path]) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(alias.name.split("."), folders)
        elif isinstance(node, ast.ImportFrom):
            parts = node.module.split(".") if node.module else []
            roots = [file.parents[node.level - 1]] if node.level else folders
            yield from _files_of(parts, roots)
            for alias in node.names:
                yield from _files_of([*parts, alias.name], roots)


def _files_of(parts: list[str], folders: Iterable[Path]) -> Iterator[Path]:
    """Return the file of a module, or of a package, in the first folder that has it."""
    if not parts:
        return
    for folder in folders:
        stem = folder.joinpath(*parts)
        for candidate in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
            if candidate.is_file():
                yield candidate
                return
