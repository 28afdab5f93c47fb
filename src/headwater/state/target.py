"""A target of a bundle on this machine, and its state folder; does not load Spark."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.bundle import Bundle, load_bundle
from headwater.errors import UsageError, nearest
from headwater.names import TableName, split_name, table_name
from headwater.settings import Settings, bundle_environment
from headwater.state.format import check_format
from headwater.state.pipeline import PipelineState
from headwater.state.store import Store

_ODD_PATH = re.compile(r"%[0-9A-Fa-f]{2}|[\[\]]")
"""What the Delta library takes for an escape or a pattern in the path of a table."""


@dataclass(frozen=True)
class Target:
    """A bundle as one target sees it, and where that target's state is."""

    bundle: Bundle
    store: Store

    def pipeline_state(self, pipeline: str) -> PipelineState:
        """Return what a pipeline remembers, by its key."""
        return PipelineState(self.store.pipeline_path(pipeline))

    def event_log(self, pipeline: str) -> Path:
        """Name the folder of a pipeline's event log."""
        return self.pipeline_state(pipeline).event_log

    def make_volumes(self) -> None:
        """Make the folders of the bundle's volumes; safe to repeat."""
        for each in self.bundle.volumes.values():
            path = self.store.volume_path(each.catalog, each.schema, each.name)
            path.mkdir(parents=True, exist_ok=True)

    def catalogs(self) -> list[str]:
        """Name all catalogs that the bundle mentions or that have tables."""
        bundle = self.bundle
        named = {spec.catalog.lower() for spec in bundle.pipelines.values()}
        named |= {schema.catalog.lower() for schema in bundle.schemas.values()}
        named |= {volume.catalog.lower() for volume in bundle.volumes.values()}
        return sorted((named | set(self.store.catalogs())) - {"spark_catalog"})

    def default_schema(self) -> tuple[str, str]:
        """Name the catalog and schema of unqualified names: those of the first pipeline."""
        for spec in self.bundle.pipelines.values():
            return spec.catalog, spec.schema
        return "main", "default"

    def find_table(
        self,
        table: str,
        home: tuple[str, str] | None = None,
        among: Sequence[TableName] | None = None,
    ) -> TableName:
        """Return the table that a name of one to three parts means here.

        Args:
            home: catalog and schema that an incomplete name is looked up in first; the target's own
                when not given.
            among: the tables that there are; those that everybody sees when not given.

        Raises:
            UsageError: TABLE_NOT_FOUND, TABLE_AMBIGUOUS, TABLE_IS_VIEW.
        """
        known = list(self.store.tables()) if among is None else among
        wanted = table_name(table, *(home or self.default_schema()))
        if wanted in known:
            return wanted
        parts = split_name(table)
        found = [
            each
            for each in known
            if (each.catalog, each.schema, each.table)[3 - len(parts) :] == parts
        ]
        if len(found) > 1:
            raise UsageError(
                "TABLE_AMBIGUOUS",
                f"Several tables of this target are named '{table}'",
                hint=f"Write one of: {', '.join(map(str, found))}.",
                table=table,
            )
        if found:
            return found[0]
        texts = [str(name) for name in known]
        if any(
            (v.catalog, v.schema, v.table)[3 - len(parts) :] == parts for v in self.store.views()
        ):
            raise UsageError(
                "TABLE_IS_VIEW",
                f"'{table}' is a view, which has no files of its own",
                hint=f'Query it: headwater sql "SELECT * FROM {table}"',
                table=table,
            )
        raise UsageError(
            "TABLE_NOT_FOUND",
            f"This target has no table '{table}'",
            hint=nearest(str(wanted), texts)
            or (f"It has: {', '.join(texts[:20])}." if texts else "Run a pipeline first."),
            table=table,
        )


def open_target(
    directory: Path,
    *,
    target: str | None = None,
    variables: Mapping[str, str] | None = None,
    state: Path | None = None,
    settings: Settings,
) -> Target:
    """Read the bundle for a target; starts nothing and writes nothing.

    Raises:
        BundleError: the bundle is missing or has a fault.
        UsageError: STATE_NOT_A_FOLDER, STATE_PATH_UNSUPPORTED, STATE_NEWER, STATE_FORMAT_INVALID,
            TARGET_NAME_INVALID.
    """
    bundle = load_bundle(
        directory,
        target=target,
        variables=variables,
        environment=bundle_environment(),
        user_name=settings.user_name,
    )
    if state is None and (bundle.target in (".", "..") or "/" in bundle.target):
        raise UsageError(
            "TARGET_NAME_INVALID",
            f"A target that runs here can't be named {bundle.target!r}",
            hint="Its state is in a folder of that name: remove the slashes, or pass --state.",
            target=bundle.target,
        )
    root = (state or bundle.root / ".headwater" / bundle.target).absolute()
    if root.exists() and not root.is_dir():
        raise UsageError(
            "STATE_NOT_A_FOLDER", f"The state path is a file: {root}", hint="Pass a folder."
        )
    if _ODD_PATH.search(str(root)):
        raise UsageError(
            "STATE_PATH_UNSUPPORTED",
            f"The state can't be kept in a folder with brackets or %.. in its path: {root}",
            hint="Move the project, or pass another folder with --state.",
        )
    check_format(root)
    return Target(bundle, Store(root))
