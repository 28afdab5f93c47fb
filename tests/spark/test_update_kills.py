"""A kill at each named moment of an update is mended by the next one: no row lost or doubled.

What a kill leaves is put together from the state folder before and after an undisturbed update.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from harness import Project

SOURCE = """
from pyspark import pipelines as dp
from pyspark.sql import functions as F

@dp.table
def bronze():
    return (spark.readStream.format("cloudFiles").option("cloudFiles.format", "parquet")
            .load("VOLUME"))

@dp.table
@dp.expect_or_drop("old", "age >= 0")
def silver():
    return spark.readStream.table("bronze")

dp.create_streaming_table("history")
dp.create_auto_cdc_flow(
    target="history", source="silver", keys=["id"], sequence_by="seq", stored_as_scd_type=2,
    apply_as_deletes="age = 99", except_column_list=["seq"],
)

@dp.materialized_view
def totals():
    return spark.read.table("silver").groupBy("id").agg(F.count("*").alias("n"))
"""

TABLES = ("bronze", "silver", "history", "totals")


class Kill:
    """The state folder as a kill leaves it: of after the update, with parts of before."""

    def __init__(self, now: Path, before: Path) -> None:
        self.now, self.before = now, before

    @property
    def pipeline(self) -> Path:
        return self.now / "pipelines" / "flow"

    def undo(self, *parts: str) -> None:
        """Put parts back to what they were before the update."""
        for part in parts:
            for found in (*self.now.glob(part), *self.before.glob(part)):
                relative = found.relative_to(
                    self.now if found.is_relative_to(self.now) else self.before
                )
                shutil.rmtree(self.now / relative, ignore_errors=True)
                if (self.before / relative).is_dir():
                    shutil.copytree(self.before / relative, self.now / relative)

    def forget_standings(self) -> None:
        """As always while a flow runs: they are forgotten first and noted last."""
        shutil.rmtree(self.pipeline / "standings", ignore_errors=True)

    def uncommit_batches(self) -> None:
        """Leave the last batch of each checkpoint planned and not committed."""
        for commits in self.pipeline.glob("checkpoints/*/*/*/commits"):
            last = max(commits.glob("[0-9]*"), key=lambda each: int(each.name))
            last.unlink()
            commits.joinpath(f".{last.name}.crc").unlink(missing_ok=True)


def before_the_standings(kill: Kill) -> None:
    kill.forget_standings()


def between_sink_and_checkpoint(kill: Kill) -> None:
    kill.forget_standings()
    kill.uncommit_batches()


def between_plan_and_sink(kill: Kill) -> None:
    kill.forget_standings()
    kill.uncommit_batches()
    kill.undo("tables/*/*/*", "pipelines/flow/cdc")


def between_memory_and_target(kill: Kill) -> None:
    kill.forget_standings()
    kill.uncommit_batches()
    kill.undo("tables/*/*/history")


def between_manifest_and_query(kill: Kill) -> None:
    kill.forget_standings()
    kill.undo("tables/*/*/*", "pipelines/flow/cdc", "pipelines/flow/checkpoints")


def between_two_flows(kill: Kill) -> None:
    kill.undo("tables/*/*/silver", "tables/*/*/history", "tables/*/*/totals", "pipelines/flow/cdc")
    for flow in ("silver", "history", "totals"):
        kill.undo(f"pipelines/flow/checkpoints/*{flow}", f"pipelines/flow/standings/*{flow}")


MOMENTS: dict[Callable[[Kill], None], tuple[str, ...]] = {
    before_the_standings: (),
    between_sink_and_checkpoint: (),
    between_plan_and_sink: TABLES,
    between_memory_and_target: ("history",),
    between_manifest_and_query: TABLES,
    between_two_flows: ("silver", "history", "totals"),
}
"""The tables that each kill leaves as they were before the update."""


@pytest.fixture(scope="module")
def states(spark, tmp_path_factory) -> Iterator[tuple[Project, Path, Path]]:  # type: ignore[no-untyped-def]
    """A project, and its state folder before and after an update with new and late rows."""
    folder = tmp_path_factory.mktemp("kills")
    project = Project(spark, folder / "project")
    project.write(SOURCE)
    land(project, "a", [(1, 5, 30), (2, 5, -1), (3, 5, 40)])
    assert project.run().state == "COMPLETED"
    before, after = folder / "before", folder / "after"
    shutil.copytree(project.store.root, before)
    land(project, "b", [(1, 3, 29), (2, 7, 50), (3, 8, 99), (4, 1, 20)])
    assert project.run().state == "COMPLETED"
    shutil.copytree(project.store.root, after)
    yield project, before, after


def land(project: Project, file: str, rows: list[tuple[int, int, int]]) -> None:
    ids, seqs, ages = zip(*rows, strict=True)
    table = pa.table({"id": ids, "seq": seqs, "age": ages})
    pq.write_table(table, project.landing / f"{file}.parquet")


def contents(project: Project) -> dict[str, list[str]]:
    folder = project.store.root / "tables" / "main" / project.schema
    rows = {name: DeltaTable(folder / name).to_pyarrow_table().to_pylist() for name in TABLES}
    return {
        name: sorted(json.dumps(row, default=str, sort_keys=True) for row in each)
        for name, each in rows.items()
    }


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
def test_kill_is_mended_by_the_next_update(
    states: tuple[Project, Path, Path], moment: Callable[[Kill], None]
) -> None:
    project, before, after = states
    restore(project, after)
    expected = contents(project)
    moment(Kill(project.store.root, before))
    left = contents(project)
    assert tuple(name for name in TABLES if left[name] != expected[name]) == MOMENTS[moment]
    project.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
    assert project.run().state == "COMPLETED"
    assert contents(project) == expected
    assert len(expected["history"]) == 5


def restore(project: Project, state: Path) -> None:
    shutil.rmtree(project.store.root)
    shutil.copytree(state, project.store.root)
    project.spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()
