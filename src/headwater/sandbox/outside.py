"""Answer user code outside of dataset functions: while a file is loaded, in a sink, in a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from headwater.graph.arguments import fault
from headwater.graph.brokers import BrokerUse
from headwater.sandbox import kafka
from headwater.sandbox.interception import ReaderRecord
from headwater.sandbox.paths import resolved_path
from headwater.state.store import Store


@dataclass(frozen=True)
class Outside:
    """An interceptor that resolves paths, checks brokers and lets everything run.

    Attributes:
        find_store: returns the state folder that volumes are in; called for each path.
        when: when such code runs, as messages have it.
        check: called before each SQL text; raises to stop the code.
        check_new_table: called with the name of a table that is to be written, as given.
    """

    spark: SparkSession
    find_store: Callable[[], Store]
    when: str
    in_dataset_function: bool = False
    check: Callable[[], None] = lambda: None
    check_new_table: Callable[[str], None] = lambda _: None

    def read_table(self, reader: Any, name: str, streaming: bool) -> str:
        """Leave a table to Spark."""
        del reader, streaming
        return name

    def read_sql(self, spark: SparkSession, text: str, args: Any = None) -> str | DataFrame:
        """Leave a SQL text to Spark, unless the code is to stop."""
        del spark, args
        self.check()
        return text

    def read_cloud_files(self, recorded: ReaderRecord, path: str | None) -> DataFrame:
        """Refuse Auto Loader, whose state belongs to a flow.

        Raises:
            DefinitionError: AUTOLOADER_OUTSIDE_DATASET.
        """
        del recorded, path
        raise fault(
            "AUTOLOADER_OUTSIDE_DATASET",
            f"cloudFiles was read {self.when}",
            "Read it inside the function of a dataset or flow.",
        )

    def prepare_load(self, reader: Any, recorded: ReaderRecord) -> None:
        """Check and complete a reader of Kafka."""
        self.note(kafka.prepare(self.spark, reader, recorded, self.local_path))

    def note(self, brokers: list[BrokerUse]) -> None:
        """Take note of the brokers that are read; nobody asks for those of a sink."""

    def local_path(self, path: str) -> str:
        """Resolve a path as the target sees it."""
        return resolved_path(self.find_store(), path)

    def refuse(self, action: str) -> None:
        """Let an action run."""

    def keep_view(self, name: str, frame: DataFrame) -> None:
        """Leave a temporary view to Spark; it is asked for in dataset functions only."""
