"""What a pipeline remembers about its tables between updates: one small JSON file per table.

Files are replaced whole, so a kill leaves the old or the new content, never a torn one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from headwater.engine.store import folder_name, table_folder
from headwater.names import TableName


@dataclass(frozen=True)
class TableState:
    """What is known of a table.

    Attributes:
        kind: STREAMING_TABLE or MATERIALIZED_VIEW, as it was made.
        generation: counts full refreshes; checkpoints and helper state live below its number.
        resetting: a full refresh to the next generation has begun and isn't finished.
        change: how AUTO CDC was set up, to notice a change of it.
        once_done: flows with once=True that have run in this generation.
    """

    kind: str
    generation: int = 0
    resetting: bool = False
    change: Mapping[str, str] = field(default_factory=dict)
    once_done: tuple[str, ...] = ()


@dataclass(frozen=True)
class PipelineState:
    """The state folder of one pipeline in one target."""

    root: Path

    @property
    def event_log(self) -> Path:
        """Folder of the event log's Delta table."""
        return self.root / "event_log"

    def checkpoint(self, table: TableName, flow: str, generation: int) -> Path:
        """Folder of a flow's streaming checkpoint."""
        parts = (table_folder(table), folder_name(flow), str(generation))
        return self.root.joinpath("checkpoints", *parts)

    def source(self, table: TableName, flow: str, generation: int, number: int) -> Path:
        """Folder of the `number`-th Auto Loader source of a flow."""
        parts = (table_folder(table), folder_name(flow), str(generation), str(number))
        return self.root.joinpath("autoloader", *parts)

    def changes(self, table: TableName, generation: int) -> Path:
        """Folder of the hidden helper state of an AUTO CDC target."""
        return self.root.joinpath("cdc", table_folder(table), str(generation))

    def private_table(self, table: TableName) -> Path:
        """Folder of a table that only the pipeline sees."""
        return self.root / "private" / table_folder(table)

    def load(self, table: TableName) -> TableState | None:
        """Read what is remembered of a table; None when the pipeline never made it."""
        path = self._file(table)
        if not path.exists():
            return None
        told = json.loads(path.read_text())
        return TableState(**{**told, "once_done": tuple(told.get("once_done", ()))})

    def save(self, table: TableName, state: TableState) -> None:
        """Replace what is remembered of a table; durable when this returns."""
        path = self._file(table)
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".tmp")
        with scratch.open("w") as file:
            json.dump(asdict(state), file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)

    def mark_once_done(self, table: TableName, flow: str) -> None:
        """Remember that a once flow has run."""
        state = self.load(table)
        if state and flow not in state.once_done:
            self.save(table, replace(state, once_done=(*state.once_done, flow)))

    def _file(self, table: TableName) -> Path:
        return self.root / "tables" / f"{table_folder(table)}.json"
