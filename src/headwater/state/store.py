"""Where a target keeps its tables, volumes and pipeline state on disk.

    <state>/tables/<catalog>/<schema>/<table>/       Delta tables
    <state>/volumes/<catalog>/<schema>/<volume>/     what /Volumes/... paths mean
    <state>/pipelines/<pipeline>/                    checkpoints, event log, lock, helper state
    <state>/dbt/<project>/                           dbt's artefacts, event log, lock
    <state>/views/<catalog>/<schema>/<view>.sql      views that SQL made
    <state>/format.json                              version of this layout, see `format`

Pure paths: `show`, `events` and the page read it without Spark. What does not live here: the
catalog over these folders (`catalog`), writing tables (`flows.tables`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import UsageError, nearest
from headwater.files import write_atomic
from headwater.names import TableName

_LOCATION = "_location"
"""File in the folder of a table that was declared with a path; it holds that path."""

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-")
_VOLUME = re.compile(r"^(?:dbfs:)?/Volumes/([^/]+)/([^/]+)/([^/]+)(/.*)?$")
_ABOVE_VOLUMES = re.compile(r"^(?:dbfs:)?/Volumes((?:/+[^/]+){0,2})/*$")


def folder_name(identifier: str) -> str:
    """Turn any identifier into a safe folder name, reversibly.

    Not percent-encoding, which Hadoop and delta-rs would read as part of a URL.
    """
    return "".join(
        chr(byte) if chr(byte) in _PLAIN else f"~{byte:02x}" for byte in identifier.lower().encode()
    )


def identifier_of(folder: str) -> str:
    """Turn a folder name of `folder_name` back."""
    raw = re.sub(rb"~([0-9a-f]{2})", lambda found: bytes([int(found[1], 16)]), folder.encode())
    return raw.decode(errors="replace")


def table_folder(name: TableName) -> str:
    """Make one folder name of a table's full name."""
    return ".".join(map(folder_name, (name.catalog, name.schema, name.table)))


@dataclass(frozen=True)
class Store:
    """The state folder of one target."""

    root: Path

    def table_path(self, name: TableName) -> Path:
        """Name the folder of a table: its default one, or the declared one."""
        folder = self._folder(name)
        note = folder / _LOCATION
        return self._noted(note) if note.is_file() else folder

    def note_location(self, name: TableName, path: Path) -> None:
        """Remember the path of a table that was declared with one."""
        note = self._folder(name) / _LOCATION
        project = self.root.parent.parent
        near = path.absolute().is_relative_to(project)  # it moves with the state
        text = os.path.relpath(path.absolute(), self.root) if near else str(path.absolute())
        if not note.is_file() or note.read_text(encoding="utf-8") != text:
            write_atomic(note, text)

    def forget_location(self, name: TableName) -> None:
        """Forget a dropped table that was declared with a path; its files stay."""
        note = self._folder(name) / _LOCATION
        if note.is_file():
            note.unlink()
            note.parent.rmdir()

    def _noted(self, note: Path) -> Path:
        return Path(os.path.normpath(self.root / note.read_text(encoding="utf-8")))

    def is_external(self, name: TableName) -> bool:
        """Whether a table was declared with a path, so that DROP leaves its files."""
        return (self._folder(name) / _LOCATION).is_file()

    def schema_path(self, catalog: str, schema: str) -> Path:
        """Name the folder that the tables of a schema are in."""
        return self.root.joinpath("tables", *map(folder_name, (catalog, schema)))

    def _folder(self, name: TableName) -> Path:
        return self.schema_path(name.catalog, name.schema) / folder_name(name.table)

    def pipelines(self) -> list[str]:
        """List the keys of the pipelines that have a state."""
        return sorted(identifier_of(each.name) for each in self.root.glob("pipelines/*/"))

    def pipeline_path(self, pipeline: str) -> Path:
        """Name the folder of a pipeline's state."""
        return self.root / "pipelines" / folder_name(pipeline)

    def dbt_path(self, project: str) -> Path:
        """Name the folder of a dbt project's state: its artefacts, event log and lock."""
        return self.root / "dbt" / folder_name(project)

    def dbt_event_logs(self) -> dict[str, Path]:
        """Map the dbt projects that have run to their event logs."""
        logs = self.root.glob("dbt/*/event_log")
        return {identifier_of(each.parent.name): each for each in sorted(logs)}

    def view_file(self, name: TableName) -> Path:
        """Name the file with the statement that makes a view."""
        folders = map(folder_name, (name.catalog, name.schema))
        return self.root.joinpath("views", *folders, f"{folder_name(name.table)}.sql")

    def views(self) -> Iterator[TableName]:
        """List the views that SQL made."""
        for file in sorted(self.root.glob("views/*/*/*.sql")):
            yield TableName(*map(identifier_of, (*file.parts[-3:-1], file.stem)))

    def maker(self, schema: str, table: str) -> str:
        """Return the catalog by whose name a job made a table; "" if that was not noted.

        Catalogs share their schemas, and the table's folder may be below another one.
        """
        file = self._maker_file(schema, table)
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def note_maker(self, name: TableName) -> None:
        """Note by which name a job makes a table."""
        if self.maker(name.schema, name.table) == name.catalog:
            return
        file = self._maker_file(name.schema, name.table)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, name.catalog)

    def _maker_file(self, schema: str, table: str) -> Path:
        return self.root.joinpath("makers", *map(folder_name, (schema, table)))

    def volume_path(self, catalog: str, schema: str, volume: str) -> Path:
        """Name the folder that a volume is, locally."""
        return self.root.joinpath("volumes", *map(folder_name, (catalog, schema, volume)))

    def tables(self) -> Iterator[TableName]:
        """List the Delta tables on disk, by their folders; reads no table."""
        folder = self.root / "tables"
        notes = folder.glob(f"*/*/*/{_LOCATION}")
        placed = [each for each in notes if (self._noted(each) / "_delta_log").is_dir()]
        found = [*folder.glob("*/*/*/_delta_log"), *placed]
        for each in sorted(found):
            yield TableName(*map(identifier_of, each.parts[-4:-1]))

    def schemas(self) -> Iterator[tuple[str, str]]:
        """List catalog and name of the schemas on disk, those without tables among them."""
        for folder in sorted((self.root / "tables").glob("*/*/")):
            catalog, schema = map(identifier_of, folder.parts[-2:])
            yield catalog, schema

    def local_path(self, path: str) -> str:
        """Resolve `/Volumes/catalog/schema/volume/...` and what is above; return others unchanged.

        Raises:
            UsageError: VOLUME_UNKNOWN, with the nearest volume; PATH_OUTSIDE_VOLUME.
        """
        above = _ABOVE_VOLUMES.match(path)
        if above:
            return str(self._above_volumes(above[1].split("/")[1:], path))
        found = _VOLUME.match(path)
        if not found:
            return path
        catalog, schema, volume, rest = found.groups()
        folder = self.volume_path(catalog, schema, volume)
        if not folder.is_dir():
            raise UsageError(
                "VOLUME_UNKNOWN",
                f"No volume {catalog}.{schema}.{volume} in this target",
                hint=nearest(f"{catalog}.{schema}.{volume}", self.volumes())
                or "Declare it under `resources.volumes` of the bundle.",
                path=path,
            )
        inner = Path((rest or "/").lstrip("/"))
        if ".." in inner.parts:
            raise UsageError(
                "PATH_OUTSIDE_VOLUME",
                f"A volume path must not leave its volume: {path}",
                hint="Remove '..'.",
            )
        return str(folder / inner) if rest and rest != "/" else str(folder)

    def _above_volumes(self, names: Sequence[str], path: str) -> Path:
        """Name the folder of all volumes, or of those of a catalog or schema that has some."""
        folder = self.root.joinpath("volumes", *map(folder_name, filter(None, names)))
        if names and not folder.is_dir():
            raise UsageError(
                "VOLUME_UNKNOWN",
                f"No volume below {path} in this target",
                hint=nearest(
                    path, [f"/Volumes/{each.replace('.', '/')}" for each in self.volumes()]
                )
                or "Declare it under `resources.volumes` of the bundle.",
                path=path,
            )
        return folder

    def shown_path(self, path: str) -> str:
        """Turn what `local_path` returned back; other paths stay as they are.

        Example:
            >>> Store(Path("/state")).shown_path("/state/volumes/main/s/landing/in")
            '/Volumes/main/s/landing/in'
        """
        try:
            catalog, schema, volume, *rest = Path(path).relative_to(self.root / "volumes").parts
        except ValueError:  # not below the volumes, or above a single one
            return path
        return "/".join(["/Volumes", *map(identifier_of, (catalog, schema, volume)), *rest])

    def volume_of(self, path: str) -> Path | None:
        """Return the folder of the volume that a local path is in; None if it is in none."""
        volumes = self.root / "volumes"
        if not Path(path).is_relative_to(volumes):
            return None
        return volumes.joinpath(*Path(path).relative_to(volumes).parts[:3])

    def volumes(self) -> list[str]:
        """List the volumes on disk as `catalog.schema.volume`."""
        found = sorted((self.root / "volumes").glob("*/*/*"))
        return [".".join(map(identifier_of, each.parts[-3:])) for each in found]

    def catalogs(self) -> list[str]:
        """List the catalogs that have schemas on disk."""
        return sorted({catalog for catalog, _ in self.schemas()})


def separate_catalogs(names: Iterable[TableName], first: str) -> set[str]:
    """Name the catalogs that can't share their schemas: another one has a table of the same name.

    Args:
        first: the catalog that keeps sharing where it is one of two.

    Example:
        >>> separate_catalogs([TableName("a", "s", "t"), TableName("b", "s", "t")], "b")
        {'a'}
    """
    found: set[str] = set()
    owners: dict[tuple[str, str], str] = {}
    for name in sorted(names, key=lambda each: (each.catalog != first.lower(), each)):
        if name.catalog in found:
            continue
        owner = owners.setdefault((name.schema, name.table), name.catalog)
        if owner != name.catalog:
            found.add(name.catalog)
    return found
