"""The source files of a pipeline: `libraries` and `root_path` as paths on this machine.

Source: "Pipeline" in Databricks' resource reference. A relative path counts from the YAML file
that holds it. Stricter than Databricks: nothing outside the bundle's folder is read.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from headwater.errors import BundleError
from headwater.yaml_nodes import Node

SUFFIXES = (".py", ".ipynb", ".sql")


def expand_libraries(libraries: Node, root: Path) -> tuple[Path, ...]:
    """Return the files of all entries in their order, each file once.

    A glob gives its `.py`, `.ipynb` and `.sql` files sorted by path, without hidden files,
    `__pycache__` and empty `__init__.py`; `folder/**` goes down all levels. A notebook's path
    may leave its suffix out.

    Raises:
        BundleError: LIBRARY_EMPTY for an entry without files, LIBRARY_UNSUPPORTED for one that
            is not a Python, notebook or SQL source, BUNDLE_PATH_OUTSIDE.
    """
    found: dict[Path, None] = {}
    for entry in libraries.items:
        found.update(dict.fromkeys(_expand(entry, root)))
    return tuple(found)


def local_path(node: Node, root: Path, base: Path | None = None) -> Path:
    """Return the absolute path of a value, inside the bundle.

    Args:
        base: what a relative one counts from; None for the file that holds it.
    """
    path = ((base or Path(node.location.file).parent) / node.text).resolve()
    if not path.is_relative_to(root):
        raise _library_error("BUNDLE_PATH_OUTSIDE", "points outside the bundle", node)
    return path


def is_local(node: Node) -> bool:
    """Whether a path may be one of the bundle, not of a workspace, a volume or cloud storage."""
    return bool(node.text) and ":/" not in node.text and not node.text.startswith(("/", "$"))


def _expand(entry: Node, root: Path) -> list[Path]:
    pattern, plain = entry.get("glob", "include"), entry.get("file", "path")
    notebook = entry.get("notebook", "path")
    given = [node for node in (pattern, plain, notebook) if node]
    if len(given) != 1 or len(entry.entries) != 1:
        what = ", ".join(entry.entries) or "nothing"
        raise BundleError(
            "LIBRARY_UNSUPPORTED",
            f"a library of {what} can't run here",
            where=entry.location,
            hint="Each entry takes one of 'glob.include', 'file.path' and 'notebook.path'.",
            library=what,
        )
    path = given[0]
    if any(sign in path.text for sign in "*?["):
        return _matches(path, root)
    suffixes = ("", *SUFFIXES) if notebook else ("",)
    return [_one_file(path, root, suffixes)]


def _one_file(node: Node, root: Path, suffixes: Iterable[str]) -> Path:
    path = local_path(node, root)
    for suffix in suffixes:
        candidate = path.with_name(path.name + suffix)
        if candidate.is_file() and candidate.suffix in SUFFIXES:
            return candidate
    if path.is_file():
        raise _library_error("LIBRARY_UNSUPPORTED", "is not a .py, .ipynb or .sql file", node)
    problem = "is a folder; add '/**'" if path.is_dir() else "does not exist"
    raise _library_error("LIBRARY_EMPTY", problem, node)


def _matches(node: Node, root: Path) -> list[Path]:
    text = node.text + "/*" if node.text.endswith("**") else node.text
    is_absolute = text.startswith(f"{root}/")
    folder = root if is_absolute else Path(node.location.file).parent
    text = text.removeprefix(f"{root}/") if is_absolute else text
    found = []
    pattern = f"{glob.escape(str(folder))}/{text}"
    # Path.glob raises on patterns like "**x" and differs between Python versions.
    for match in glob.glob(pattern, recursive=True):  # noqa: PTH207
        path = Path(match).resolve()
        if not path.is_relative_to(root):
            raise _library_error("BUNDLE_PATH_OUTSIDE", "points outside the bundle", node)
        if _is_source(path, root):
            found.append(path)
    if not found:
        raise _library_error("LIBRARY_EMPTY", "matches no source file", node)
    return sorted(set(found))


def _is_source(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    is_hidden = any(part.startswith(".") or part == "__pycache__" for part in parts)
    is_empty_init = path.name == "__init__.py" and path.is_file() and not path.stat().st_size
    return path.is_file() and path.suffix in SUFFIXES and not is_hidden and not is_empty_init


def _library_error(code: str, problem: str, node: Node) -> BundleError:
    return BundleError(
        code,
        f"the path '{node.text}' {problem}",
        where=node.location,
        hint="Paths are relative to the file that has them, and end at .py, .ipynb or .sql files.",
        path=node.text,
        line=node.location.line,
    )
