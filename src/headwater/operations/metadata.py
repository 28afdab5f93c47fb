"""What a backup holds of a target on this machine: its tables' metadata and its bundle.

No rows, and none of the values that Delta keeps of them; secrets in plain text are masked. Reads
only. What does not live here: writing it down (`backup`), and a workspace's own (`workspace`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from headwater.bundle.load import TargetTree, read_target
from headwater.bundle.resolved import shown_tree
from headwater.bundle.secrets import masked_texts
from headwater.errors import BundleError, HeadwaterError
from headwater.operations.tables import OnDisk, facts_of, open_delta, tables_on_disk
from headwater.settings import bundle_environment, read_settings
from headwater.state.target import Target
from headwater.yaml_nodes import Node

Entry = Mapping[str, Any]
PARTS = ("schemas", "tables", "grants", "jobs", "pipelines")


@dataclass(frozen=True)
class Missing:
    """What could not be read, and why: a code, never an answer's text."""

    subject: str
    code: str


@dataclass
class Metadata:
    """What a backup holds, by part.

    Attributes:
        origin: where it was read.
        missing: what could not be read, so that no gap passes for nothing there.
    """

    origin: str
    parts: dict[str, list[Entry]] = field(default_factory=lambda: {name: [] for name in PARTS})
    missing: list[Missing] = field(default_factory=list)


def local_metadata(target: Target, variables: Mapping[str, str]) -> Metadata:
    """Gather the metadata of a target from its state folder and its bundle.

    Args:
        variables: as they were given for the target.

    Raises:
        BundleError: the bundle can't be read.
    """
    found = Metadata("state folder and bundle")
    found.parts["schemas"] = [
        {"catalog": catalog, "schema": schema} for catalog, schema in target.store.schemas()
    ]
    for table in tables_on_disk(target):
        try:
            found.parts["tables"].append(table_entry(table))
        except HeadwaterError as error:
            found.missing.append(Missing(f"table {table.name}", error.code))

    def report(error: BundleError) -> None:
        found.missing.append(Missing("bundle", error.code))

    tree = resolved_tree(target, variables, report)
    for kind in ("jobs", "pipelines"):
        found.parts[kind] = [
            {"key": key, "settings": node.plain()}
            for key, node in tree.below("resources", kind).items()
        ]
    found.parts["grants"] = list(bundle_grants(tree))
    return found


def table_entry(table: OnDisk) -> Entry:
    """Describe a table: columns, properties, layout, version, counts.

    Raises:
        UsageError: TABLE_UNREADABLE.
    """
    facts = facts_of(table)
    delta = open_delta(table)
    metadata = delta.metadata()
    return {
        "table": facts.name,
        "kind": facts.kind,
        "pipeline": table.known.pipeline,
        "is_active": table.known.is_active,
        "id": str(metadata.id),
        "comment": metadata.description,
        "columns": json.loads(delta.schema().to_json())["fields"],
        "partition_columns": list(facts.partition_columns),
        "cluster_by": list(facts.cluster_by),
        "properties": masked_texts(facts.properties),
        "version": facts.version,
        "files": len(facts.files),
        "bytes": facts.bytes,
        "rows": facts.rows,
    }


def resolved_tree(
    target: Target, variables: Mapping[str, str], report: Callable[[BundleError], None]
) -> Node:
    """Return the bundle as a target sees it, with secrets in plain text masked.

    Args:
        variables: as they were given for the target.
        report: called with each reference that can't be resolved.

    Raises:
        BundleError: the bundle can't be read.
    """
    return shown_tree(seen_tree(target, variables), report)


def seen_tree(target: Target, variables: Mapping[str, str]) -> TargetTree:
    """Read what a target sees of its bundle; nothing is resolved.

    Raises:
        BundleError: the bundle can't be read.
    """
    return read_target(
        target.bundle.root,
        target.bundle.target,
        variables=variables,
        environment=bundle_environment(),
        user_name=read_settings().user_name,
    )


def bundle_grants(tree: Node) -> Iterator[Entry]:
    """Yield the grants and permissions that a bundle declares."""
    everywhere = tree.get("permissions")
    if everywhere is not None:
        yield {"kind": "bundle", "key": "", "permissions": everywhere.plain()}
    for kind, resources in tree.below("resources").items():
        for key, node in resources.entries.items():
            given = {name: node.get(name) for name in ("grants", "permissions")}
            told = {name: each.plain() for name, each in given.items() if each is not None}
            if told:
                yield {"kind": kind, "key": key, **told}
