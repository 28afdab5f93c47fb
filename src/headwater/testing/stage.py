"""The targets of one test, of which the session knows the tables of one at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pyspark.sql import SparkSession

from headwater.bundle import Bundle
from headwater.state.catalog import forget_all, use_target
from headwater.state.store import Store
from headwater.state.target import Target


@dataclass
class Stage:
    """Makes targets in a folder.

    Attributes:
        shown: the one that the session knows.
    """

    spark: SparkSession
    folder: Path
    shown: Store | None = None
    _stores: list[Store] = field(default_factory=list)

    def new_store(self) -> Store:
        """Make an empty target."""
        number = len(self._stores) + 1
        store = Store(self.folder / f"target{number}" / ".headwater" / "test")
        store.root.mkdir(parents=True)
        self._stores.append(store)
        return store

    def enter(self, store: Store, bundle: Bundle) -> None:
        """Let the session know the tables of one target, and no other's."""
        if self.shown is not store:
            self.leave()
            self.shown = store
        use_target(self.spark, Target(bundle, store))

    def leave(self) -> None:
        """Let the session forget the target that it knows."""
        if self.shown is not None:
            forget_all(self.spark, self.shown)
            self.shown = None
