"""A lease in Delta: of several programs that write the jobs of one control table, one works.

One row in `<control>_lease` says who holds it and until when. Taking it is a conditional UPDATE;
of two at once, Delta lets one commit. Each driver goes by its own clock; they have to agree to
within some seconds.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable

from delta.tables import DeltaTable
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from lakeflow_job_meta.errors import LeaseLost
from lakeflow_job_meta.processes import is_gone, this_process
from lakeflow_job_meta.retries import again_on_conflict
from lakeflow_job_meta.utils import quoted_table_name

LEASE_SUFFIX = "_lease"
_FLOOR_SECONDS = 120.0
"""Two thirds of it, what is left at least when a call begins, outlast a call without an answer."""

_EPOCH = "TIMESTAMP '1970-01-01 00:00:00'"


def lease_seconds_for(retry_seconds: float, interval_seconds: float = 0.0) -> float:
    """Return a lease's length: what a holder does between two renewals has to fit in."""
    return max(3 * interval_seconds, 4 * retry_seconds, _FLOOR_SECONDS)


class Lease:
    """The lease of one control table, as one program sees it.

    Args:
        lease_seconds: how long it lasts without being renewed; after that others may take it.
        holder: who this is; a name of the process when not given.
        clock: seconds that only go up, for how long ago the lease was renewed.
    """

    def __init__(
        self,
        control_table: str,
        spark: SparkSession,
        *,
        lease_seconds: float,
        holder: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = quoted_table_name(control_table, LEASE_SUFFIX)
        self._spark = spark
        self._seconds = lease_seconds
        self._clock = clock
        self.holder = holder or new_holder()
        self._renewed: float | None = None

    def ensure_exists(self) -> None:
        """Create the table with its one row, unless it is there; several may try at once."""
        again_on_conflict(self._ensure)

    def _ensure(self) -> None:
        if not self._spark.catalog.tableExists(self._table):
            self._spark.sql(
                f"CREATE TABLE {self._table} USING DELTA AS SELECT 'monitor' AS name, "
                f"CAST(NULL AS STRING) AS holder, {_EPOCH} AS expires_at"
            )

    def take(self) -> bool:
        """Take or renew the lease; False while another program holds it.

        A holder that was a process beside this one, and has ended, holds nothing.
        """
        free = (F.col("holder") == self.holder) | (F.col("expires_at") < F.current_timestamp())
        before = self._spark.table(self._table).first()
        if before is not None and is_gone((before["holder"] or "").rpartition(":")[2]):
            free = free | (F.col("holder") == before["holder"])
        return self._take_where(free)

    def _take_where(self, free: Column) -> bool:
        began = self._clock()
        until = F.current_timestamp() + F.make_dt_interval(secs=F.lit(float(self._seconds)))
        again_on_conflict(lambda: self._update(free, F.lit(self.holder), until))
        row = self._spark.table(self._table).first()
        is_ours = row is not None and row["holder"] == self.holder
        self._renewed = began if is_ours else None
        return is_ours

    def keep(self) -> None:
        """Make sure that the lease is still ours, and lasts for two thirds of its time.

        Asked before each call that writes; costs a commit once in a third of the time.

        Raises:
            LeaseLost: LEASE_LOST. What follows must not be done.
        """
        since = self._renewed
        if since is not None and self._clock() - since < self._seconds / 3:
            return
        # who was overtaken gets it back from nobody: what it plans is out of date
        if since is None or not self._take_where(F.col("holder") == self.holder):
            raise LeaseLost(
                "LEASE_LOST",
                "Another program has taken over this control table",
                hint="Nothing to do: it goes on with the work.",
            )

    def release(self) -> None:
        """Let others have the lease at once; does nothing where it is not ours."""
        if self._renewed is not None:
            ours = F.col("holder") == self.holder
            again_on_conflict(lambda: self._update(ours, F.col("holder"), F.expr(_EPOCH)))
            self._renewed = None

    def _update(self, condition: Column, holder: Column, expires_at: Column) -> None:
        table = DeltaTable.forName(self._spark, self._table)
        table.update(condition, {"holder": holder, "expires_at": expires_at})


def new_holder() -> str:
    """Name a holder for people, and its process for programs that look whether it is gone."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}:{this_process()}"
