"""Which table of a dbt project reads which, from dbt's manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from headwater.dbt.projects import Project
from headwater.dbt.runner import DbtCommand, run_dbt, table_of
from headwater.errors import UsageError
from headwater.names import TableName
from headwater.state.target import Target

_MAKE_TABLES = ("model", "seed", "snapshot")


@dataclass(frozen=True)
class DbtTable:
    """A table or view that a project makes.

    Attributes:
        kind: how dbt makes it: table, view, incremental, ephemeral, seed, snapshot.
        inputs: the tables that it reads, in the order of their names.
    """

    name: TableName
    kind: str
    inputs: tuple[TableName, ...]


def tables_made(target: Target, project: Project) -> list[DbtTable]:
    """List what a project makes; dbt parses it, nothing runs.

    Raises:
        UsageError: DBT_NOT_PARSED, with what dbt says.
        SettingError: DBT_NOT_INSTALLED.
    """

    def no_session() -> Any:
        raise AssertionError("parsing needs no session")

    done = run_dbt(target, DbtCommand(project, ("parse",), quiet=True), no_session)
    if not done.succeeded:
        raise UsageError(
            "DBT_NOT_PARSED",
            f"dbt can't parse the project '{project.name}': {done.message.strip()}",
            where=str(project.folder),
            hint="See: headwater dbt parse",
        )
    file = target.store.dbt_path(project.name) / "target" / "manifest.json"
    manifest = json.loads(file.read_text(encoding="utf-8"))
    return list(_tables(target, manifest))


def _tables(target: Target, manifest: Mapping[str, Any]) -> Iterator[DbtTable]:
    known = {**manifest["nodes"], **manifest["sources"]}

    def name(node: Mapping[str, Any]) -> TableName:
        return table_of(target, node["schema"], node.get("alias") or node["identifier"])

    for node in manifest["nodes"].values():
        if node["resource_type"] not in _MAKE_TABLES:
            continue
        reads = [known[each] for each in node.get("depends_on", {}).get("nodes", ())]
        kind = str(node["config"].get("materialized") or node["resource_type"])
        yield DbtTable(name(node), kind, tuple(sorted({name(each) for each in reads})))
