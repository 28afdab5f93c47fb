"""Make a new project from a template: `headwater init`.

A template is a folder of files below `templates`, over those that all share. `{{.project_name}}` in
their names and in files that end in `.tmpl` is filled in; that is how templates of bundles look.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from headwater.errors import UsageError
from headwater.settings import Settings
from headwater.state.target import open_target

TEMPLATES = ("python", "sql", "dbt")
"""What a project may be written in."""

_BASES = {"dbt": ("sql",)}
"""Templates whose files a template takes where it has none of its own."""

_FOLDER = Path(__file__).parent / "templates"
_TAKEN = {
    *sys.stdlib_module_names,
    "dlt",
    "delta",
    "headwater",
    "pyspark",
    "pytest",
    "test",
    "tests",
}
"""Modules that a package of the same name would hide."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PLACEHOLDER = "{{.project_name}}"
_RENDERED = ".tmpl"


def create_project(folder: Path, name: str, template: str, settings: Settings) -> list[Path]:
    """Write the files of a new project; return them, relative to the folder.

    The fixtures are put into the landing volume of its default target as well, so that the project
    runs at once. Nothing that exists is changed.

    Args:
        name: of the bundle, its pipeline, schema and package.
        template: one of `TEMPLATES`.

    Raises:
        UsageError: PROJECT_NAME_INVALID; PROJECT_EXISTS, before anything is written;
            PROJECT_NOT_WRITABLE.

    Example:
        >>> create_project(Path("shop"), "shop", "python", read_settings())[0]
        PosixPath('.gitignore')
    """
    check_name(name)
    texts = dict(_rendered(name, template))
    taken = next((each for each in sorted(texts) if _is_there(folder / each)), None)
    if taken is not None:
        raise UsageError(
            "PROJECT_EXISTS",
            f"The file exists already: {folder / taken}",
            hint="Choose another name or folder; nothing was written.",
        )
    try:
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            "PROJECT_NOT_WRITABLE",
            f"The project can't be written to {folder}: {error.strerror}",
            hint="Choose another name or folder.",
        ) from None
    target = open_target(folder, settings=settings)
    volume = target.bundle.volumes["landing"]
    landing = target.store.volume_path(volume.catalog, volume.schema, volume.name)
    shutil.copytree(folder / "fixtures", landing, dirs_exist_ok=True)
    return sorted(texts)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # the name is too long
        return False


def check_name(name: str) -> None:
    """Refuse a name that can't be that of a package and of a schema.

    Raises:
        UsageError: PROJECT_NAME_INVALID, with a name that can.
    """
    if keyword.iskeyword(name) or name in _TAKEN or _is_installed(name):
        raise UsageError(
            "PROJECT_NAME_INVALID",
            f"'{name}' is taken by Python or a package",
            hint=f"Use: {name}_pipeline",
        )
    if not _NAME.fullmatch(name):
        better = re.sub(r"[^a-z0-9_]+", "_", name.lower()).lstrip("_0123456789").rstrip("_")
        raise UsageError(
            "PROJECT_NAME_INVALID",
            f"'{name}' is not a name of a package: lowercase letters, digits and underscores",
            hint=f"Use: {better or 'my_project'}",
        )


def _is_installed(name: str) -> bool:
    """Whether an installed package has a module of that name; not a project that is worked on."""
    found = importlib.util.find_spec(name) if _NAME.fullmatch(name) else None
    folders = (found.submodule_search_locations or [found.origin or ""]) if found else []
    return any({"site-packages", "dist-packages"} & set(Path(each).parts) for each in folders)


def _rendered(name: str, template: str) -> Iterator[tuple[Path, str]]:
    """Yield path and text of each file; those of the template win over what it takes of others."""
    for root in (_FOLDER / each for each in ("shared", *_BASES.get(template, ()), template)):
        for file in sorted(each for each in root.rglob("*") if each.is_file()):
            path = str(file.relative_to(root)).replace(_PLACEHOLDER, name)
            text = file.read_text(encoding="utf-8")
            if path.endswith(_RENDERED):
                path, text = path.removesuffix(_RENDERED), text.replace(_PLACEHOLDER, name)
            yield Path(path), text
