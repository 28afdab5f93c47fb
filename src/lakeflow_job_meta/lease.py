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

from delta.tables import DeltaTable
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F

from lakeflow_job_meta.errors import LeaseLost
from lakeflow_job_meta.retries import again_on_conflict
from lakeflow_job_meta.utils import quoted_table_name

LEASE_SUFFIX = "_lease"
_FLOOR_SECONDS = 60.0
_EPOCH = "TIMESTAMP '1970-01-01 00:00:00'"


def lease_seconds_for(retry_seconds: float, interval_seconds: float = 0.0) -> float:
    """Give a lease's length: it has to outlive a call of the API with all its retries."""
    return max(3 * interval_seconds, 4 * retry_seconds, _FLOOR_SECONDS)


class Lease:
    """The lease of one control table, as one program sees it.

    Args:
        lease_seconds: how long it lasts without being renewed; after that others may take it.
        holder: who this is; a name of the process when not given.
    """

    def __init__(
        self,
        control_table: str,
        spark: SparkSession,
        *,
        lease_seconds: float,
        holder: str = "",
    ) -> None:
        self._table = quoted_table_name(control_table, LEASE_SUFFIX)
        self._spark = spark
        self._seconds = lease_seconds
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
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

        A holder that was a process of this machine, and is gone, holds nothing.
        """
        began = time.monotonic()
        until = F.current_timestamp() + F.make_dt_interval(secs=F.lit(float(self._seconds)))
        free = (F.col("holder") == self.holder) | (F.col("expires_at") < F.current_timestamp())
        before = self._spark.table(self._table).first()
        if before is not None and _is_dead(before["holder"] or ""):
            free = free | (F.col("holder") == before["holder"])
        again_on_conflict(lambda: self._update(free, F.lit(self.holder), until))
        row = self._spark.table(self._table).first()
        is_ours = row is not None and row["holder"] == self.holder
        self._renewed = began if is_ours else None
        return is_ours

    def keep(self) -> None:
        """Make sure that the lease is still ours; costs a commit once in a third of its time.

        Raises:
            LeaseLost: LEASE_LOST. What follows must not be done.
        """
        since = self._renewed
        if since is not None and time.monotonic() - since < self._seconds / 3:
            return
        if since is None or not self.take():
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


def _is_dead(holder: str) -> bool:
    host, _, rest = holder.partition(":")
    pid = rest.partition(":")[0]
    if os.name != "posix" or host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)  # asks, and sends nothing
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
