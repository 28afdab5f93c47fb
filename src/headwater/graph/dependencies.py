"""Make what a pipeline depends on importable, and name what is missing.

What does not live here: executing source files (`loader`).
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import shlex
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from headwater.errors import UsageError, nearest
from headwater.graph.arguments import fault
from headwater.graph.locations import is_internal, located

_EDITABLE = re.compile(r"^(?:-e|--editable)[ =]\s*(.+)$")
_TAKES_A_VALUE = ("-r", "-c", "-e", "-f", "-i", "-t", "--index-url", "--extra-index-url")
"""Options of `pip install` that the next word belongs to."""


@contextmanager
def import_paths(
    root_path: Path | None, files: Sequence[Path], dependencies: Sequence[str]
) -> Iterator[list[str]]:
    """Make what the pipeline depends on importable for the length of a `with` block.

    `root_path`, editable requirements and wheels go to the front of `sys.path`, and the folder of
    each source file to its end; other requirement lines must be installed already. Yields the
    folders that Python workers can search first. Modules found there are forgotten at the end, so
    that another pipeline's module of the same name is found; those of installed packages stay, for
    many of them can't be loaded twice. A module that was loaded from elsewhere, and that the first
    folders have as well, makes room for theirs until the end.

    Raises:
        UsageError: DEPENDENCY_MISSING, DEPENDENCY_INVALID.
    """
    first = list(dict.fromkeys(map(str, _search_paths(root_path, dependencies))))
    beside = [each for each in dict.fromkeys(str(f.parent) for f in files) if each not in first]
    added = [*first, *beside]
    elsewhere = {name: sys.modules.pop(name) for name in _loaded_elsewhere(first)}
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
        for name, module in elsewhere.items():
            sys.modules.setdefault(name, module)


def _loaded_elsewhere(folders: Sequence[str]) -> list[str]:
    """Name loaded modules that folders have too; those of installed packages are not looked at.

    A folder that is no package, such as one of documents, hides no module of its name.
    """
    found = [each for folder in folders if Path(folder).is_dir() for each in Path(folder).iterdir()]
    names = {
        each.stem for each in found if each.suffix == ".py" or (each / "__init__.py").is_file()
    }
    here = set(_modules_of(folders))
    return [
        name
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in names
        and name not in here
        and (file := getattr(module, "__file__", None))
        and not _is_installed(file)
    ]


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
            check_installed(requirement)


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


def check_installed(line: str) -> None:
    """Check that what a requirement line names is installed.

    Raises:
        UsageError: DEPENDENCY_MISSING, DEPENDENCY_INVALID.
    """
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


def check_pip(text: str) -> None:
    """Pass over `%pip install` of what is there already.

    Args:
        text: what stands behind `%pip`.

    Raises:
        DefinitionError: DEPENDENCY_MISSING, DEPENDENCY_INVALID, NOTEBOOK_MAGIC_NOT_BUILT.
    """
    command, *words = shlex.split(text) or [""]
    if command not in ("install", "list", "show", "freeze", "check"):
        raise fault(
            "NOTEBOOK_MAGIC_NOT_BUILT",
            f"%pip {command} does not run locally",
            "Packages are those of the environment that headwater is installed in.",
            magic="%pip",
        )
    before = ["", *words]
    for word, previous in zip(words, before, strict=False):
        is_name = re.match(r"[A-Za-z]", word) and "/" not in word
        if command == "install" and is_name and previous not in _TAKES_A_VALUE:
            try:
                check_installed(word)
            except UsageError as error:
                raise located(error) from None
