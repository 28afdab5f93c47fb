"""Run a pipeline's source files, so that they declare their datasets.

A file gets the globals that a workspace gives it (`spark`, `dbutils`, `display`). What does not
live here: reading a file's text (`sources`), and evaluating the dataset functions, which happens
later and often (`sandbox.evaluate`).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from headwater.errors import DefinitionError, HeadwaterError, Location, UsageError, nearest
from headwater.graph.locations import is_internal, location_of, run_at, user_line
from headwater.graph.registry import Registry
from headwater.graph.sources import read_source

_EDITABLE = re.compile(r"^(?:-e|--editable)[ =]\s*(.+)$")


def load_files(
    files: Sequence[Path],
    registry: Registry,
    namespace: Mapping[str, Any],
    said: Callable[[BaseException], str] | None = None,
) -> None:
    """Execute each source file; an error in one becomes a fault, the others still run.

    Args:
        files: `.py` files and `.ipynb` notebooks, in order.
        registry: gets the declarations; `bound_modules` must be active.
        namespace: global names that every file gets.
        said: describes an exception; by its first line when not given.
    """
    for file in files:
        try:
            cells = read_source(file).compiled()
            names = _globals_of(file, namespace)  # cells share their names
            for where, code in cells:
                run_at(where, exec, code, names)
        except HeadwaterError as error:
            registry.faults.append(error)
        except (Exception, SystemExit) as error:
            registry.faults.append(_import_fault(file, error, said or _class_and_line))
    registry.close()


def _globals_of(file: Path, namespace: Mapping[str, Any]) -> dict[str, Any]:
    return {"__name__": "__main__", "__file__": str(file), **namespace}


def _class_and_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def _import_fault(
    file: Path, error: BaseException, said: Callable[[BaseException], str]
) -> DefinitionError:
    if isinstance(error, SyntaxError):
        where = location_of(error.filename or str(file), error.lineno or 0)
        return DefinitionError("SOURCE_SYNTAX", f"{error.msg}", where=where, hint="Fix the syntax.")
    hint = "Run the file's imports in a Python prompt to see more, or use --debug."
    if isinstance(error, ModuleNotFoundError):
        hint = (
            "Add the package to `environment.dependencies` of the pipeline, or put its folder "
            "below `root_path`."
        )
    return DefinitionError(
        "SOURCE_FAILED",
        f"The file could not be loaded: {said(error)}",
        where=user_line(error, Location(str(file))),
        hint=hint,
        exception=type(error).__name__,
    )


def first_line(error: BaseException) -> str:
    """Return the first line of what an exception says."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "(no message)"


@contextmanager
def import_paths(
    root_path: Path | None, files: Sequence[Path], dependencies: Sequence[str]
) -> Iterator[list[str]]:
    """Make what the pipeline depends on importable for the length of a `with` block.

    `root_path`, editable requirements and wheels go to the front of `sys.path`, and the folder of
    each source file to its end; other requirement lines must be installed already. Yields the
    folders that Python workers can search first. Modules found there are forgotten at the end, so
    that another pipeline's module of the same name is found; those of installed packages stay, for
    many of them can't be loaded twice.

    Raises:
        UsageError: DEPENDENCY_MISSING, DEPENDENCY_INVALID.
    """
    first = list(dict.fromkeys(map(str, _search_paths(root_path, dependencies))))
    beside = [each for each in dict.fromkeys(str(f.parent) for f in files) if each not in first]
    added = [*first, *beside]
    known = set(sys.modules)
    sys.path[:0] = first
    sys.path.extend(beside)
    try:
        yield [*first, *(each for each in beside if not _hides_python(each))]
    finally:
        for path in added:
            if path in sys.path:
                sys.path.remove(path)
        for name in _modules_of(added):
            if name not in known:
                del sys.modules[name]


def _modules_of(folders: Collection[str]) -> list[str]:
    """Name the loaded modules whose files are in some folders; not those of installed packages."""
    modules = list(sys.modules.items())
    files = {name: getattr(module, "__file__", None) or "" for name, module in modules}
    return [
        name
        for name, file in files.items()
        if not _is_installed(file) and any(Path(file).is_relative_to(each) for each in folders)
    ]


def source_digest(files: Sequence[Path], folders: Sequence[str]) -> str:
    """Hash the text of a pipeline: its source files and the modules that they import.

    Args:
        folders: folders and wheels that modules come from, as `import_paths` gives them.
    """
    beside = [str(file.parent) for file in files]
    modules = {sys.modules[name].__file__ or "" for name in _modules_of([*folders, *beside])}
    wheels = [each for each in folders if Path(each).is_file()]
    digest = hashlib.sha256()
    for path in sorted({*map(str, files), *modules, *wheels}):
        content = Path(path).read_bytes() if Path(path).is_file() else b""
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def _hides_python(folder: str) -> bool:
    """Whether a folder has modules that hide Python's own, such as `calendar`."""
    names = {each.stem for each in Path(folder).glob("*.py")}
    return bool(names & sys.stdlib_module_names)


def _is_installed(file: str) -> bool:
    """Whether a module belongs to an installed package, in this environment or another."""
    return is_internal(file) or bool({"site-packages", "dist-packages"} & set(Path(file).parts))


def _search_paths(root_path: Path | None, dependencies: Sequence[str]) -> Iterator[Path]:
    if root_path is not None:
        yield root_path
    for line in dependencies:
        requirement = line.strip()
        editable = _EDITABLE.match(requirement)
        if editable:
            yield _source_root(Path(editable[1].strip().removeprefix("file://")))
        elif requirement.endswith(".whl"):
            yield _wheel(Path(requirement))
        elif Path(requirement).is_dir():
            yield _source_root(Path(requirement))
        else:
            _check_installed(requirement)


def _source_root(project: Path) -> Path:
    if not project.is_dir():
        raise UsageError(
            "DEPENDENCY_MISSING",
            f"An editable dependency is not a folder: {project}",
            hint="`--editable ${workspace.file_path}` names the bundle's own folder.",
        )
    return project / "src" if (project / "src").is_dir() else project


def _wheel(pattern: Path) -> Path:
    found = sorted(pattern.parent.glob(pattern.name)) if pattern.parent.is_dir() else []
    if not found:
        raise UsageError(
            "DEPENDENCY_MISSING",
            f"No wheel at {pattern}",
            hint="Build it first (`python -m build --wheel`), or depend on "
            "`--editable ${workspace.file_path}`.",
        )
    return found[-1]


def _check_installed(line: str) -> None:
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        raise UsageError(
            "DEPENDENCY_INVALID",
            f"Not a requirement line: {line!r}",
            hint="`environment.dependencies` takes pip requirement lines.",
        ) from None
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        installed = [each.name for each in importlib.metadata.distributions()]
        raise UsageError(
            "DEPENDENCY_MISSING",
            f"The pipeline depends on '{line}', which is not installed here",
            hint=nearest(requirement.name, installed) or f"Run: pip install '{line}'",
        ) from None
    if not requirement.specifier.contains(version, prereleases=True):
        raise UsageError(
            "DEPENDENCY_MISSING",
            f"The pipeline depends on '{line}'; version {version} is installed here",
            hint=f"Run: pip install '{line}'",
        )
