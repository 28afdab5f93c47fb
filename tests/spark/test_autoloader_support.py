"""Runs an Auto Loader source as the engine does: define, open, stream to Delta, start again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from headwater import autoloader
from headwater.autoloader import CloudFiles, SourceState
from headwater.errors import Location, SchemaChange
from headwater.sandbox.causes import texts

MAX_RESTARTS = 5


@dataclass
class Loader:
    """One source, its landing folder and its target table below a test's folder."""

    spark: SparkSession
    root: Path
    format: str
    options: dict[str, str] = field(default_factory=dict)
    schema: Any = None
    path: str = ""
    transform: Any = None
    batches: list[int] = field(default_factory=list)
    memory: dict[str, object] = field(default_factory=dict)
    sink: str = "parquet"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def place(self) -> SourceState:
        state = self.root / ".headwater" / "dev"
        return SourceState(state / "source" / "0", state / "checkpoint", self.memory)

    @property
    def request(self) -> CloudFiles:
        options = {"cloudFiles.format": self.format, **self.options}
        path = self.path or str(self.landing)
        return CloudFiles(path, options, Location("pipeline.py", 7), self.schema)

    def define(self, *, save: bool = True) -> DataFrame:
        return autoloader.define_stream(self.spark, self.request, self.place, save=save)

    def open(self) -> DataFrame:
        return autoloader.open_stream(self.spark, self.request, self.place)

    def run_once(self) -> None:
        """One update: everything is called once, errors come out as the engine raises them."""
        self.define()
        frame = self.open()
        frame = self.transform(frame) if self.transform else frame
        writer = frame.writeStream.option("checkpointLocation", str(self.place.checkpoint))
        writer = writer.option("mergeSchema", "true").trigger(availableNow=True)
        query = writer.format(self.sink).start(str(self.root / "table"))
        try:
            query.awaitTermination()
        except Exception as error:
            found = autoloader.explain_failure(texts(error), self.request, self.place)
            raise found or error from error
        finally:
            query.stop()
        self.batches = [each["numInputRows"] for each in query.recentProgress]

    def run(self) -> int:
        """Update, starting again after a change of schema; gives how often that was needed."""
        for restarts in range(MAX_RESTARTS):
            try:
                self.run_once()
            except SchemaChange:
                continue
            return restarts
        raise AssertionError("the schema never settles")

    def rows(self, *columns: str, order: str = "id") -> list[tuple[Any, ...]]:
        reader = self.spark.read.format(self.sink).option("mergeSchema", "true")
        table = reader.load(str(self.root / "table"))
        return [
            tuple(row)
            for row in table.orderBy(*order.split(", ")).selectExpr(*columns or ["*"]).collect()
        ]

    def rescued(self, order: str = "id") -> list[dict[str, Any] | None]:
        """The rescued data, parsed, without the file's path."""
        found = []
        for (text,) in self.rows("_rescued_data", order=order):
            told = json.loads(text) if text else None
            if told:
                assert told.pop("_file_path").startswith("file:/")
            found.append(told)
        return found

    def states(self) -> list[dict[str, Any]]:
        return autoloader.file_states(self.place)

    def land(self, name: str, content: str | bytes) -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data)
        return path

    def land_json(self, name: str, *records: Mapping[str, Any]) -> Path:
        return self.land(name, "".join(json.dumps(each) + "\n" for each in records))

    def land_parquet(self, name: str, /, **columns: Any) -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)
        return path
