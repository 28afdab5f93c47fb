"""The control tables of the jobs: what was ingested, loaded and rejected.

All writes can be repeated: a task that was killed runs again and leaves what an undisturbed one
does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from pyspark.sql import DataFrame

from claims_analytics.bronze import run_id_of
from claims_analytics.tasks.places import Places

_TABLES = {
    "ingest_files": "path STRING, sha256 STRING, bytes BIGINT, table STRING, rows BIGINT,"
    " ingest_run_id STRING, archived_at TIMESTAMP",
    "ingest_runs": "ingest_run_id STRING, started_at TIMESTAMP, finished_at TIMESTAMP,"
    " status STRING, as_of_date DATE",
    "silver_control": "target STRING, source STRING, last_ingest_run_id STRING, as_of_date DATE,"
    " updated_at TIMESTAMP",
    "rejected_rows": "table STRING, key STRING, ingest_run_id STRING, source_file STRING,"
    " rule STRING",
}

_PARTITIONED = {"silver_control": "target", "rejected_rows": "table"}
"""By what loads differ that run side by side: their commits then touch other files."""

RUNNING, FINISHED = "RUNNING", "FINISHED"

_TIME = "%Y%m%d%H%M%S"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A file that bronze holds.

    Attributes:
        rows: how many it gave.
        run_id: of the run that its rows name.
        archived: whether it was moved out of the landing folder.
    """

    path: str
    sha256: str
    table: str
    rows: int
    run_id: str
    archived: bool


class Control:
    """The control tables of a target, which are made where they are not there yet."""

    def __init__(self, spark: Any, places: Places) -> None:
        self._spark = spark
        self._places = places
        for name, columns in _TABLES.items():
            by = f" PARTITIONED BY ({_PARTITIONED[name]})" if name in _PARTITIONED else ""
            spark.sql(f"CREATE TABLE IF NOT EXISTS {places.control(name)} ({columns}){by}")

    def _run(self, statement: str, **values: Any) -> DataFrame:
        tables = {name: self._places.control(name) for name in _TABLES}
        frame: DataFrame = self._spark.sql(statement.format(**tables), args=values)
        return frame

    def begin(self, job_run: str, now: datetime) -> str:
        """Return the id of a job's run of ingestion.

        The newest run goes on under the id it had, unless it has finished: what is loaded up to it
        would never see what it brings now. An older one that is repaired gets a new one: what it
        brings must come after what others have loaded meanwhile. So does each id come after all
        before, though clocks differ and two runs may start in one second.
        """
        found = self._run(
            "SELECT ingest_run_id AS id, status FROM {ingest_runs} ORDER BY id DESC LIMIT 1"
        ).first()
        run_id = run_id_of(now, job_run)
        if found is not None:
            started, _, name = found.id.partition("-")
            if name == job_run and found.status == RUNNING:
                return str(found.id)
            if run_id <= found.id:
                run_id = run_id_of(
                    datetime.strptime(started, _TIME) + timedelta(seconds=1), job_run
                )
        self._run(
            "INSERT INTO {ingest_runs} VALUES (:id, :at, NULL, :status, NULL)",
            id=run_id,
            at=now,
            status=RUNNING,
        )
        return run_id

    def finish(self, run_id: str, as_of: Any) -> None:
        """Note that a run is done, and the last date it knows; a date never falls."""
        self._run(
            "UPDATE {ingest_runs} SET finished_at = :now, status = :status, as_of_date = :as_of"
            " WHERE ingest_run_id = :id",
            now=_now(),
            status=FINISHED,
            as_of=as_of,
            id=run_id,
        )

    def files(self) -> list[Delivered]:
        """Return all files that bronze holds."""
        rows = self._run(
            "SELECT path, sha256, table, rows, ingest_run_id, archived_at IS NOT NULL AS archived"
            " FROM {ingest_files}"
        ).collect()
        return [Delivered(*row) for row in rows]

    def add_file(self, file: Delivered, *, size: int) -> None:
        """Note a file whose rows are in bronze."""
        self._run(
            "INSERT INTO {ingest_files} VALUES (:path, :sha, :size, :table, :rows, :run, NULL)",
            path=file.path,
            sha=file.sha256,
            size=size,
            table=file.table,
            rows=file.rows,
            run=file.run_id,
        )

    def archived(self, paths: Iterable[str]) -> None:
        """Note files that were moved."""
        gone = list(paths)
        if gone:
            self._run(
                "UPDATE {ingest_files} SET archived_at = :now"
                " WHERE archived_at IS NULL AND array_contains(:paths, path)",
                now=_now(),
                paths=gone,
            )

    def newest(self) -> str | None:
        """Return the newest run that has finished; None before the first."""
        found = self._run(
            "SELECT max(ingest_run_id) AS id FROM {ingest_runs} WHERE status = :status",
            status=FINISHED,
        ).first()
        return None if found is None else found.id

    def known_at(self, run_id: str) -> Any:
        """Return the last date that a run knew."""
        found = self._run(
            "SELECT as_of_date AS day FROM {ingest_runs} WHERE ingest_run_id = :id", id=run_id
        ).first()
        return None if found is None else found.day

    def loaded(self, target: str) -> str | None:
        """Return the newest run that a target has taken in; None if it never loaded."""
        found = self._run(
            "SELECT min(last_ingest_run_id) AS id FROM {silver_control} WHERE target = :target",
            target=target,
        ).first()
        return None if found is None else found.id

    def as_of(self, target: str) -> Any:
        """Return the date that a target was loaded as of; None if it never loaded."""
        found = self._run(
            "SELECT max(as_of_date) AS day FROM {silver_control} WHERE target = :target",
            target=target,
        ).first()
        return None if found is None else found.day

    def set_loaded(
        self, target: str, sources: Iterable[str], run_id: str | None, as_of: Any
    ) -> None:
        """Note that a target has taken in all sources up to a run."""
        noted = self._run(
            "SELECT :target AS target, explode(:sources) AS source, :run AS last_ingest_run_id,"
            " CAST(:as_of AS DATE) AS as_of_date, :now AS updated_at",
            target=target,
            sources=list(sources),
            run=run_id,
            as_of=as_of,
            now=_now(),
        )
        writer = noted.write.format("delta").mode("overwrite")
        writer = writer.option("replaceWhere", f"target = '{target}'")
        writer.saveAsTable(self._places.control("silver_control"))

    def reject(self, target: str, rejected: DataFrame) -> None:
        """Note rows of a table that rules keep out; those that are noted already stay once.

        Args:
            target: the table.
            rejected: `table`, `key`, `ingest_run_id`, `source_file`, `rule`; no payload.
        """
        columns = ("table", "key", "ingest_run_id", "source_file", "rule")
        rejected.createOrReplaceTempView("claims_rejected")
        same = " AND ".join(f"r.{name} <=> n.{name}" for name in columns)
        self._run(
            "MERGE INTO {rejected_rows} AS r USING claims_rejected AS n"
            f" ON r.table = :target AND {same} WHEN NOT MATCHED THEN INSERT *",
            target=target,
        )
        self._spark.catalog.dropTempView("claims_rejected")


def _now() -> datetime:
    return datetime.now(timezone.utc)
