"""A throw-away bundle with one pipeline, run in the shared session: what engine tests drive."""

from __future__ import annotations

import copy
import itertools
import shutil
import textwrap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StructType

from headwater.bundle import load_bundle
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater, UpdateResult
from headwater.events.query import read_events
from headwater.events.rows import Event
from headwater.graph.dag import Graph
from headwater.names import TableName
from headwater.planning import UpdatePlan, plan_update
from headwater.sandbox.result_rows import rows_of
from headwater.sandbox.statements import run_statements
from headwater.state.catalog import create_schema, register_all
from headwater.state.pipeline import PipelineState
from headwater.state.store import Store
from headwater.state.target import Target

_numbers = itertools.count(1)


def frame_of(spark: SparkSession, rows: Iterable[tuple[Any, ...]], columns: str) -> DataFrame:
    """Return rows as a frame of Spark's own; `createDataFrame` runs Python for them each time."""
    schema = StructType.fromDDL(columns)
    arrow = to_arrow_schema(schema, timezone="UTC")
    by_column = list(zip(*rows, strict=True)) or [()] * len(arrow)
    arrays = [pa.array(values, field.type) for values, field in zip(by_column, arrow, strict=True)]
    return spark.createDataFrame(pa.Table.from_arrays(arrays, schema=arrow), schema)


class Project:
    """A bundle in a temporary folder; its schema's name is used once in a session."""

    def __init__(
        self, spark: SparkSession, folder: Path, configuration: Mapping[str, str] | None = None
    ) -> None:
        self.spark = spark
        self.folder = folder
        self.schema = f"s{next(_numbers)}"
        self.volume = f"/Volumes/main/{self.schema}/landing"
        folder.mkdir(parents=True, exist_ok=True)
        self.configure(configuration or {})
        (folder / "pipeline").mkdir(exist_ok=True)
        (folder / "pipeline" / "first.py").write_text("# a library must match a file\n")
        self.store = Store(folder / ".headwater" / "dev")
        self.landing.mkdir(parents=True, exist_ok=True)

    def configure(
        self,
        configuration: Mapping[str, str],
        parameters: Mapping[str, str] | None = None,
        *,
        development: bool = False,
    ) -> None:
        """Write the bundle, with other settings of the pipeline."""
        sections = {"configuration": configuration, "parameters": parameters or {}}
        lines = "      development: true\n" if development else ""
        for name, values in sections.items():
            lines += f"      {name}:\n" if values else ""
            lines += "".join(f"        {key}: {value!r}\n" for key, value in values.items())
        (self.folder / "databricks.yml").write_text(
            textwrap.dedent(f"""\
            bundle:
              name: test
            targets:
              dev:
                default: true
            resources:
              pipelines:
                flow:
                  catalog: main
                  schema: {self.schema}
                  root_path: .
                  libraries:
                    - glob:
                        include: pipeline/**
            """)
            + lines
            + textwrap.indent(
                f"volumes:\n  landing:\n    catalog_name: main\n    schema_name: {self.schema}\n"
                "    name: landing\n",
                "  ",
            )
        )

    @property
    def landing(self) -> Path:
        return self.store.volume_path("main", self.schema, "landing")

    def moved(self, folder: Path) -> Project:
        """Move the project, and let the session forget what it knew of the old place."""
        schemas = list(self.store.schemas())
        shutil.move(self.folder, folder)
        catalog = self.spark._jsparkSession.sessionState().catalog().externalCatalog()
        for _, schema in schemas:
            catalog.dropDatabase(schema, True, True)
        there = copy.copy(self)
        there.folder, there.store = folder, Store(folder / ".headwater" / "dev")
        register_all(self.spark, there.store)
        return there

    def write(self, source: str, name: str = "main.py") -> Path:
        """Write a source file of the pipeline; SCHEMA and VOLUME in it are filled in."""
        path = self.folder / "pipeline" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(source).replace("SCHEMA", self.schema)
        path.write_text(text.replace("VOLUME", self.volume))
        return path

    @property
    def target(self) -> Target:
        return Target(load_bundle(self.folder), self.store)

    def run(self, **request: Any) -> UpdateResult:
        return self.updater().run(UpdateRequest(**request))

    def plan(self, **request: Any) -> UpdatePlan:
        """Plan an update; nothing is written."""
        return plan_update(self.updater(), UpdateRequest(**request))

    def updater(self, listener: Callable[[Event], None] | None = None) -> Updater:
        """Return what runs one update of the source as it is now."""
        bundle = load_bundle(self.folder)
        return Updater(self.spark, bundle, bundle.pipeline(), self.store, listener)

    def resolved(self) -> Graph:
        """Resolve the pipeline's graph; nothing is written."""
        graph = self.run(validate_only=True).graph
        assert graph is not None
        return graph

    def name(self, table: str, catalog: str = "") -> TableName:
        """The full name of a table; another catalog ends with the schema's name."""
        return TableName(f"{catalog}_{self.schema}" if catalog else "main", self.schema, table)

    def sql(self, text: str) -> list[dict[str, Any]]:
        """Run SQL; SCHEMA in it is filled in."""
        frame = run_statements(self.spark, self.target, text.replace("SCHEMA", self.schema))
        return [] if frame is None else rows_of(frame)

    def create(self, table: str, select: str) -> None:
        """Make a plain Delta table in the target, as `headwater sql` would."""
        create_schema(self.spark, "main", self.schema, self.store)
        self.sql(f"CREATE TABLE SCHEMA.{table} USING delta AS {select}")

    def values(self, text: str) -> list[Any]:
        """The first column of a query, sorted."""
        return sorted(next(iter(row.values())) for row in self.sql(text))

    def events(self, update_id: str | None = "latest") -> list[dict[str, Any]]:
        state = PipelineState(self.store.pipeline_path("flow"))
        return read_events(state.event_log, update_id=update_id)
