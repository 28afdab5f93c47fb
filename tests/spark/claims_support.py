"""The jobs of claims in tests: schemas that are used once, a landing folder, and kills."""

from __future__ import annotations

import itertools
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from claims_analytics.tasks.archive import archive
from claims_analytics.tasks.ingest import ingest
from claims_analytics.tasks.places import Places
from headwater.tasks.steps import Step, go_on

_numbers = itertools.count(1)


class Killed(BaseException):
    """Ends a task as a kill would: nothing of the task catches it."""


def kill_at(*steps: str) -> Step:
    """Return what ends a task before any of some steps."""

    def told(name: str) -> None:
        if name in steps:
            raise Killed(name)

    return told


def new_places(spark: SparkSession) -> Places:
    """Make schemas whose names no other test has."""
    name = f"claims_{next(_numbers)}"
    for schema in (name, f"{name}_ops"):
        spark.sql(f"CREATE SCHEMA main.{schema}")
    return Places("main", name, f"{name}_ops")


def parameters_of(places: Places, **more: str) -> dict[str, str]:
    """Return the parameters of a task."""
    return {
        "catalog": places.catalog,
        "schema": places.schema,
        "ops_schema": places.ops,
        **more,
    }


class Appended:
    """A Delta table that grows by commits of our own: quicker than Spark for a few rows."""

    def __init__(self, spark: SparkSession, name: str, columns: str, folder: Path) -> None:
        self._schema, self._folder = StructType.fromDDL(columns), folder
        (folder / "_delta_log").mkdir(parents=True)
        self._commit(
            {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
            {
                "metaData": {
                    "id": str(uuid.uuid4()),
                    "format": {"provider": "parquet", "options": {}},
                    "schemaString": self._schema.json(),
                    "partitionColumns": [],
                    "configuration": {},
                }
            },
        )
        spark.sql(f"CREATE TABLE {name} USING delta LOCATION '{folder}'")

    def append(self, rows: list[tuple[Any, ...]]) -> None:
        """Add rows in one commit; none make none."""
        if not rows:
            return
        arrow = to_arrow_schema(self._schema, timezone="UTC")
        arrays = [
            pa.array(values, column.type)
            for values, column in zip(zip(*rows, strict=True), arrow, strict=True)
        ]
        path = self._folder / f"{uuid.uuid4()}.parquet"
        pq.write_table(pa.Table.from_arrays(arrays, schema=arrow), path)
        file = {"path": path.name, "partitionValues": {}, "size": path.stat().st_size}
        self._commit({"add": {**file, "modificationTime": 0, "dataChange": True}})

    def _commit(self, *actions: dict[str, Any]) -> None:
        log = self._folder / "_delta_log"
        version = len(list(log.glob("*.json")))
        text = "".join(f"{json.dumps(action)}\n" for action in actions)
        (log / f"{version:020}.json").write_text(text)


class Landing:
    """A landing folder, and the tasks that take its files in."""

    def __init__(self, spark: SparkSession, places: Places, folder: Path) -> None:
        self.spark, self.places, self.folder = spark, places, folder
        self._runs = itertools.count(1)

    def land(self, kind: str, name: str, content: str | bytes) -> Path:
        """Put a file into the folder of its kind."""
        path = self.folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self, run_id: str = "", step: Step = go_on) -> dict[str, Any]:
        """Take files in; without a name, by a run that no other has."""
        run_id = run_id or f"{self.folder.name}-{next(self._runs)}"
        given = parameters_of(self.places, base_volume_path=str(self.folder), run_id=run_id)
        return ingest(self.spark, given, step)

    def archive(self, step: Step = go_on) -> dict[str, Any]:
        """Archive files."""
        return archive(
            self.spark, parameters_of(self.places, base_volume_path=str(self.folder)), step
        )

    def rows(self, kind: str, *columns: str, under: str = "") -> list[tuple[Any, ...]]:
        """Return what bronze has of the files of this folder, sorted."""
        table = self.spark.table(self.places.table(f"bronze_{kind}"))
        mine = table.where(table.source_file.startswith(f"{self.folder}/{kind}/{under}"))
        return sorted((tuple(row) for row in mine.select(*columns).collect()), key=repr)

    def ledger(self, kind: str = "", under: str = "") -> list[tuple[str, str, int, bool]]:
        """Return the name, hash and rows of each file that is noted, and whether it moved."""
        found = self.spark.table(self.places.control("ingest_files"))
        mine = found.where(found.path.startswith(f"{self.folder}/{kind}"))
        return sorted(
            (Path(row.path).name, row.sha256, row.rows, row.archived_at is not None)
            for row in mine.collect()
            if Path(row.path).name.startswith(under)
        )

    def files(self, under: str = "") -> list[tuple[str, ...]]:
        """Return the paths of all files; runs that an archive is named after are left out."""
        paths = (path.relative_to(self.folder) for path in self.folder.rglob("*.csv"))
        named = (path.parts for path in paths if path.name.startswith(under))
        return sorted((*parts[:2], parts[3]) if len(parts) == 4 else parts for parts in named)
