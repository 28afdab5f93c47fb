"""YAML files of sources: what a file has to look like, and which files a folder holds.

A file becomes a `SourceFile`: sources, or faults with their lines. It reads only. What its sources
change in the control table is decided in `load_plan`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.errors import UsageError, nearest
from headwater.yaml_nodes import Node
from lakeflow_job_meta.constants import MAX_YAML_BYTES
from lakeflow_job_meta.errors import Fault
from lakeflow_job_meta.sources import Source
from lakeflow_job_meta.yaml_reader import read_nodes

SUFFIXES = (".yml", ".yaml")
OWNER_PREFIX = "yaml:"
MAX_ORDER = 2**31 - 1


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_order(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_ORDER


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


_Kind = tuple[Callable[[Any], bool], str]
_NAME: _Kind = (_is_name, "a text that is not empty; put it in quotes")
_MAPPING: _Kind = (_is_mapping, "a mapping")
SOURCE_FIELDS: Mapping[str, _Kind] = {
    "source_id": _NAME,
    "module_name": _NAME,
    "source_type": (_is_text, "a text; put it in quotes"),
    "execution_order": (_is_order, "a whole number of at most 32 bits"),
    "source_config": _MAPPING,
    "target_config": _MAPPING,
    "transformation_config": _MAPPING,
    "is_active": (_is_flag, "true or false"),
}
REQUIRED = ("source_id", "source_type", "transformation_config")


@dataclass(frozen=True)
class SourceFile:
    """A YAML file that was read.

    Args:
        path: absolute, without `..`; symbolic links are not resolved.
        sources: those without a fault of form.
        modules: every module that the file names, also those without sources.
        incomplete: modules of which a source has a fault of form.
        text: what stands in it; None where that can't be read.
    """

    path: str
    sources: tuple[Source, ...] = ()
    modules: frozenset[str] = frozenset()
    incomplete: frozenset[str] = frozenset()
    faults: tuple[Fault, ...] = ()
    text: str | None = None

    @property
    def owner(self) -> str:
        """What `updated_by` says of rows that came from this file."""
        return OWNER_PREFIX + self.path

    def may_name(self, module_name: str) -> bool:
        """Return whether a faulty file could be meant to hold sources of a module."""
        return (
            self.text is None
            or module_name in self.modules
            or module_name in self.text
            or module_name == Path(self.path).stem
        )


def list_yaml_files(folder: str) -> list[str]:
    """List the `*.yml` and `*.yaml` files of a folder and the folders in it, sorted.

    Names that begin with a dot and symbolic links are left out: what a link within the folder
    leads to is listed where it is, and what it leads to outside is none of the folder's.

    Raises:
        UsageError: VOLUME_UNREACHABLE when the folder or one in it can't be listed.
    """
    found = []
    try:
        for parent, folders, names in os.walk(folder, onerror=_raise):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = Path(parent, name)
                fits = path.suffix in SUFFIXES and not name.startswith(".")
                if fits and path.is_file() and not path.is_symlink():
                    found.append(str(path))
    except OSError as error:
        raise UsageError(
            "VOLUME_UNREACHABLE",
            f"Can't list the folder of YAML files: {error.strerror}",
            where=str(folder),
            hint="Check the path and that you may read it.",
        ) from error
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def read_source_file(path: str | Path, known: Mapping[str, SourceFile] | None = None) -> SourceFile:
    """Read a YAML file of sources; whatever is wrong with it is in its `faults`.

    It checks the form only, not whether a task can be made of a source.

    Args:
        known: files as they were read before, by path; one whose text is still the same is given
            back.
    """
    place = os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow links
    text, fault = _read_text(place)
    if text is None:
        return SourceFile(place, faults=(fault,) if fault else ())
    before = known.get(place) if known else None
    if before and before.text == text:
        return before
    root, faults = read_nodes(text, place)
    reader = _FileReader(place, faults)
    if root is not None:
        reader.read(root)
    elif not faults:
        hint = "Write 'modules: []' for a file without sources, or delete the file."
        reader.fault("YAML_EMPTY", "the file is empty", 1, hint)
    return SourceFile(
        place,
        tuple(reader.sources),
        frozenset(reader.modules),
        frozenset(reader.incomplete),
        tuple(reader.faults),
        text,
    )


def _read_text(path: str) -> tuple[str | None, Fault | None]:
    try:
        if not Path(path).is_file():
            raise FileNotFoundError(0, "there is no such file")
        with Path(path).open("rb") as file:
            data = file.read(MAX_YAML_BYTES + 1)
    except OSError as error:
        hint = "Check the path and that you may read it."
        return None, Fault("YAML_UNREADABLE", f"can't read: {error.strerror}", path, hint)
    if len(data) > MAX_YAML_BYTES:
        said = f"more than {MAX_YAML_BYTES:,} bytes"
        return None, Fault("YAML_TOO_LARGE", said, path, "Split it into several files.")
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = "Save the file as UTF-8."
        return None, Fault("YAML_NOT_UTF8", "the file is not UTF-8", f"{path}:{line}", hint)


class _FileReader:
    """Collects the sources and the faults of one file."""

    def __init__(self, path: str, faults: list[Fault]) -> None:
        self.path = path
        self.faults = faults
        self.sources: list[Source] = []
        self.modules: set[str] = set()
        self.incomplete: set[str] = set()

    def fault(
        self, code: str, message: str, line: int, hint: str, module: str = "", source_id: str = ""
    ) -> None:
        self.faults.append(Fault(code, message, f"{self.path}:{line}", hint, module, source_id))

    def read(self, root: Node) -> None:
        if root.kind == "list":
            for item in root.items:
                self._source(item, None, {})
            return
        if root.kind != "map":
            said = "the file is neither a list of sources nor a mapping"
            self.fault("FIELD_TYPE", said, root.line, "Begin it with 'modules:'.")
            return
        for name, node in root.entries.items():
            if name != "modules":
                hint = nearest(name, ("modules",)) or "A file has 'modules:' alone."
                self.fault("FIELD_UNKNOWN", f"a file has no field '{name}'", node.line, hint)
        for item in self._list(root, "modules"):
            self._module(item)

    def _list(self, node: Node, name: str, module: str = "") -> tuple[Node, ...]:
        found = node.entries.get(name)
        if found is None or found.value is None:
            hint = f"Write '{name}:' and a list; '{name}: []' for none."
            self.fault("FIELD_MISSING", f"{name} is missing", node.line, hint, module)
            return ()
        if found.kind != "list":
            hint = "Begin each item with '- '."
            self.fault("FIELD_TYPE", f"{name} is not a list", found.line, hint, module)
            return ()
        return found.items

    def _module(self, node: Node) -> None:
        if node.kind != "map":
            hint = "Write 'module_name:' and 'sources:'."
            self.fault("FIELD_TYPE", "a module is not a mapping", node.line, hint)
            return
        name = self._checked(node, "module_name", _NAME, "", is_required=True) or ""
        settings = {
            key: value.plain()
            for key, value in node.entries.items()
            if key not in ("module_name", "sources") and value.value is not None
        }
        if name:
            self.modules.add(name)
        for item in self._list(node, "sources", name):
            self._source(item, name, settings)

    def _source(self, node: Node, module: str | None, settings: Mapping[str, Any]) -> None:
        """Read a source of a module; of a module without a name it is checked, but not kept.

        Args:
            module: None in a bare list, where a source names its module itself.
        """
        before = len(self.faults)
        named = node.entries.get("module_name")
        if module is None:
            module = named.text if named and _is_name(named.value) else Path(self.path).stem
        elif module and named and named.value not in (None, module):
            said = f"module_name differs from that of the module, '{module}'"
            hint = "Take it out here."
            self.fault("MODULE_DIFFERS", said, named.line, hint, module, _id_of(node))
        values = self._values(node, module)
        if not module:
            return
        self.modules.add(module)
        if len(self.faults) > before:
            self.incomplete.add(module)
            return
        where = f"{self.path}:{node.line}"
        values.pop("module_name", None)
        self.sources.append(
            Source(module_name=module, module_config=settings, where=where, **values)
        )

    def _values(self, node: Node, module: str) -> dict[str, Any]:
        """Check the fields of a source, and return those that are set."""
        if node.kind != "map":
            hint = f"Write its fields: {', '.join(SOURCE_FIELDS)}."
            self.fault("FIELD_TYPE", "a source is not a mapping", node.line, hint, module)
            return {}
        self._refuse_unknown(node, module)
        values = {
            name: self._checked(node, name, kind, module, is_required=name in REQUIRED)
            for name, kind in SOURCE_FIELDS.items()
        }
        return {name: value for name, value in values.items() if value is not None}

    def _refuse_unknown(self, node: Node, module: str) -> None:
        for name, value in node.entries.items():
            if name not in SOURCE_FIELDS:
                hint = nearest(name, SOURCE_FIELDS) or f"It has: {', '.join(SOURCE_FIELDS)}."
                said = f"a source has no field '{name}'"
                self.fault("SOURCE_FIELD_UNKNOWN", said, value.line, hint, module, _id_of(node))

    def _checked(
        self, node: Node, name: str, kind: _Kind, module: str, *, is_required: bool
    ) -> Any:
        """Return a field's value, of which only the kind is known; None where there is none."""
        accepts, described = kind
        found = node.entries.get(name)
        if found is None or found.value is None:
            if is_required:
                line, hint = found.line if found else node.line, f"Set {name}."
                self.fault("FIELD_MISSING", f"{name} is missing", line, hint, module, _id_of(node))
            return None
        if not accepts(found.value):
            said = f"{name} is not {described.partition(';')[0]}"
            hint = f"Write {name} as {described}."
            self.fault("FIELD_TYPE", said, found.line, hint, module, _id_of(node))
            return None
        return found.plain()


def _id_of(node: Node) -> str:
    found = node.entries.get("source_id")
    return found.value if found and isinstance(found.value, str) else ""
