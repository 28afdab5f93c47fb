"""What a pipeline remembers about its tables between updates: one small JSON file per table.

Files are replaced atomically, so a kill leaves the old or the new content, never a mix.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from headwater.files import write_atomic
from headwater.names import TableName, split_name
from headwater.state.store import Store, folder_name, identifier_of, table_folder

_TABLES = ("STREAMING_TABLE", "MATERIALIZED_VIEW")


@dataclass(frozen=True)
class TableState:
    """What is known of a table.

    Attributes:
        kind: STREAMING_TABLE or MATERIALIZED_VIEW, as it was made; VIEW for what is only
            remembered because its sources started anew.
        generation: counts full refreshes; checkpoints and helper state live below its number.
        change: how AUTO CDC was set up, to notice a change of it.
        is_made: the table was there once; if it is missing now, it was dropped by hand.
        cluster_by: columns that the table was clustered by last.
        once_done: flows with once=True that have run in this generation.
        is_private: where the table is, beside the catalog or in it; None if that was not noted.
        is_active: the source declares the table. One that it no longer declares keeps its rows and
            checkpoints, and goes on where it stopped once it is declared again.
    """

    kind: str
    generation: int = 0
    change: Mapping[str, str] = field(default_factory=dict)
    once_done: tuple[str, ...] = ()
    cluster_by: tuple[str, ...] = ()
    is_made: bool = True
    is_active: bool = True
    is_private: bool | None = None

    def is_moved(self, is_private: bool) -> bool:
        """Whether a table was made private, or public, since it was made: it then starts over."""
        return self.is_private is not None and self.is_private != is_private


def made_by(store: Store, table: str) -> tuple[PipelineState, TableName] | None:
    """Find the pipeline that made a table, by what each pipeline remembers; and its full name.

    Args:
        table: its name, or the end of it.
    """
    wanted = split_name(table)
    for folder in sorted((store.root / "pipelines").glob("*")):
        state = PipelineState(folder)
        for name in store.tables():
            parts = (name.catalog, name.schema, name.table)
            if parts[3 - len(wanted) :] == wanted and state.load(name) is not None:
                return state, name
    return None


@dataclass(frozen=True)
class PipelineState:
    """The state folder of one pipeline in one target."""

    root: Path

    @property
    def key(self) -> str:
        """The pipeline's key in its bundle."""
        return identifier_of(self.root.name)

    @property
    def event_log(self) -> Path:
        """Folder of the event log's Delta table."""
        return self.root / "event_log"

    def checkpoint(self, table: TableName, flow: str, generation: int) -> Path:
        """Folder of a flow's streaming checkpoint."""
        return self._flow("checkpoints", table, flow) / str(generation)

    def sources(self, table: TableName, flow: str, generation: int) -> Path:
        """Folder above the Auto Loader sources of a flow."""
        return self._flow("autoloader", table, flow) / str(generation)

    def standing(self, table: TableName, flow: str, generation: int) -> Path:
        """File that tells where the inputs of a flow stood when it was done with them."""
        return self._flow("standings", table, flow) / f"{generation}.json"

    def _flow(self, kind: str, table: TableName, flow: str) -> Path:
        """Name a flow's folder; one that was created under another spelling of its table stays."""
        base = self.root / kind / table_folder(table)
        spelled = (table.table, f"{table.schema}.{table.table}", str(table))
        names = (flow, *spelled) if flow.lower() in spelled else (flow,)
        folders = [base / folder_name(name) for name in names]
        return next((each for each in folders if each.is_dir()), folders[0])

    def flows_gone(
        self, table: TableName, known: Collection[str], generation: int
    ) -> tuple[str, ...]:
        """Name the flows that have a checkpoint for a table, and are not in its pipeline now.

        Args:
            known: the flows into the table.
        """
        base = self.root / "checkpoints" / table_folder(table)
        kept = {self.checkpoint(table, flow, generation).parent for flow in known}
        found = (each for each in base.glob(f"*/{generation}/commits") if any(each.iterdir()))
        folders = sorted(each.parent.parent for each in found)
        return tuple(identifier_of(each.name) for each in folders if each not in kept)

    def changes(self, table: TableName, generation: int) -> Path:
        """Folder of the hidden helper state of an AUTO CDC target."""
        return self.root.joinpath("cdc", table_folder(table), str(generation))

    def private_table(self, table: TableName) -> Path:
        """Folder of a table that only the pipeline sees."""
        return self.root / "private" / table_folder(table)

    def load(self, table: TableName) -> TableState | None:
        """Read what is remembered of a table; None when the pipeline has never made it."""
        path = self._file(table)
        if not path.exists():
            return None
        told = json.loads(path.read_text())
        known = {each.name for each in fields(TableState)}
        kept = {key: value for key, value in told.items() if key in known}
        lists = {key: tuple(told.get(key, ())) for key in ("once_done", "cluster_by")}
        return TableState(**{**kept, **lists})

    def made_tables(self) -> Iterator[tuple[TableName, TableState]]:
        """Read what is remembered of each table that was made, by name."""
        for file in sorted((self.root / "tables").glob("*.json")):
            name = TableName(*map(identifier_of, file.stem.split(".")))
            state = self.load(name)
            if state is not None and state.is_made and state.kind in _TABLES:
                yield name, state

    def mark_inactive(self, declared: Collection[TableName]) -> None:
        """Mark the tables that the source does not declare any more; safe to repeat.

        Args:
            declared: the tables of the source.
        """
        for name, state in list(self.made_tables()):
            if state.is_active and name not in declared:
                self.save(name, replace(state, is_active=False))

    def generation(self, dataset: TableName, resets: Collection[TableName] = ()) -> int:
        """Count the full refreshes of a dataset, one that is about to come included."""
        known = self.load(dataset)
        return (known.generation if known else 0) + (dataset in resets)

    def save(self, table: TableName, state: TableState) -> None:
        """Replace what is remembered of a table; durable when this returns."""
        write_atomic(self._file(table), json.dumps(asdict(state)))

    def mark_once_done(self, table: TableName, flow: str) -> None:
        """Remember that a once flow has run."""
        state = self.load(table)
        if state and flow not in state.once_done:
            self.save(table, replace(state, once_done=(*state.once_done, flow)))

    def pending_resets(self) -> frozenset[TableName]:
        """Read which datasets a full refresh began to reset and did not finish."""
        path = self._resets
        told = json.loads(path.read_text()) if path.exists() else []
        return frozenset(TableName(*parts) for parts in told)

    def begin_resets(self, datasets: Collection[TableName]) -> None:
        """Record, all at once, what is going to be reset; a kill after it repeats everything."""
        if datasets:
            self._note_resets(self.pending_resets() | set(datasets))

    def end_resets(self, datasets: Collection[TableName]) -> None:
        """Forget finished resets; others wait until the source defines their tables again."""
        left = self.pending_resets() - set(datasets)
        if left:
            self._note_resets(left)
        else:
            self._resets.unlink(missing_ok=True)

    def _note_resets(self, datasets: Collection[TableName]) -> None:
        parts = sorted([each.catalog, each.schema, each.table] for each in datasets)
        write_atomic(self._resets, json.dumps(parts))

    @property
    def _resets(self) -> Path:
        return self.root / "resets.json"

    def _file(self, table: TableName) -> Path:
        return self.root / "tables" / f"{table_folder(table)}.json"
