"""The table `<control>_jobs`: which job belongs to a module, and what was deployed last.

It is a record, not the truth: jobs carry tags, and what a crash kept from being written here is
found by them. So it is written once for many jobs.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from delta.tables import DeltaTable
from pyspark.sql import SparkSession

from lakeflow_job_meta.constants import JOBS_SUFFIX
from lakeflow_job_meta.retries import again_on_conflict
from lakeflow_job_meta.rows import frame_of
from lakeflow_job_meta.utils import quoted_table_name

_COLUMNS = (
    "module_name STRING, job_id BIGINT, definition_hash STRING, queries STRING, "
    "last_result STRING, deployed_at TIMESTAMP, updated_at TIMESTAMP"
)


@dataclass(frozen=True)
class TrackedJob:
    """One row.

    Args:
        job_id: None where a job could not be made.
        definition_hash: hash of the definition that was deployed last; "" for none.
        queries: by source id, the id of its saved query and the digest of what it holds.
        last_result: created, updated, unchanged, deleted, or `failed: CODE`.
        deployed_at: when the API was last written to; None for never.
    """

    module_name: str
    job_id: int | None
    definition_hash: str = ""
    queries: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    last_result: str = ""
    deployed_at: datetime | None = None
    updated_at: datetime | None = None

    def with_queries_of(self, alive: Collection[str]) -> TrackedJob:
        """Leave out saved queries that were deleted by hand."""
        kept = {name: each for name, each in self.queries.items() if each[0] in alive}
        return replace(self, queries=kept)


class JobTable:
    """The record of one control table."""

    def __init__(self, control_table: str, spark: SparkSession) -> None:
        self.name = quoted_table_name(control_table, JOBS_SUFFIX)
        self._spark = spark

    def ensure_exists(self) -> None:
        """Create the table unless it is there; several may try at once."""
        again_on_conflict(self._ensure)

    def _ensure(self) -> None:
        if not self._spark.catalog.tableExists(self.name):
            self._spark.sql(f"CREATE TABLE IF NOT EXISTS {self.name} ({_COLUMNS}) USING DELTA")

    def read(self) -> dict[str, TrackedJob]:
        """Read all rows, by module; nothing where the table does not exist."""
        if not self._spark.catalog.tableExists(self.name):
            return {}
        rows = self._spark.table(self.name).collect()
        return {
            row["module_name"]: TrackedJob(
                row["module_name"],
                row["job_id"],
                row["definition_hash"] or "",
                {
                    name: (got[0], got[1])
                    for name, got in json.loads(row["queries"] or "{}").items()
                },
                row["last_result"] or "",
                row["deployed_at"],
                row["updated_at"],
            )
            for row in rows
        }

    def write(self, jobs: Sequence[TrackedJob]) -> None:
        """Replace the rows of these modules, in one commit; nothing for no jobs."""
        if not jobs:
            return
        self.ensure_exists()
        again_on_conflict(lambda: self._merge(jobs))

    def _merge(self, jobs: Sequence[TrackedJob]) -> None:
        rows = [
            (
                job.module_name,
                job.job_id,
                job.definition_hash,
                json.dumps(dict(job.queries)),
                job.last_result,
                job.deployed_at,
                job.updated_at,
            )
            for job in jobs
        ]
        new = frame_of(self._spark, rows, _COLUMNS).alias("new")
        (
            DeltaTable.forName(self._spark, self.name)
            .alias("old")
            .merge(new, "old.module_name = new.module_name")
            .whenMatchedUpdateAll()
            .whenNotMatchedInsertAll()
            .execute()
        )

    def forget(self, module_names: Sequence[str]) -> None:
        """Drop the rows of modules whose jobs are gone."""
        if module_names:
            gone = frame_of(self._spark, [(name,) for name in module_names], "name STRING")
            again_on_conflict(
                lambda: (
                    DeltaTable.forName(self._spark, self.name)
                    .alias("old")
                    .merge(gone.alias("gone"), "old.module_name = gone.name")
                    .whenMatchedDelete()
                    .execute()
                )
            )
