"""Views that SQL made: the statement of each, so that the next session has them again.

The catalog is in memory, and views have no folder of their own; tables are found by theirs.
"""

from __future__ import annotations

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from headwater.files import write_atomic
from headwater.names import TableName
from headwater.state.store import Store


def keep_view(store: Store, name: TableName, statement: str | None) -> None:
    """Keep the statement that makes a view; None for a view that was dropped."""
    file = store.view_file(name)
    if statement is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, statement)


def make_views(spark: SparkSession, store: Store) -> None:
    """Make the kept views in a session; those whose tables are gone are left out."""
    waiting = [store.view_file(each).read_text(encoding="utf-8") for each in store.views()]
    while waiting:
        left = []
        for statement in waiting:
            try:
                SparkSession.sql(spark, statement)
            except AnalysisException:
                left.append(statement)
        if len(left) == len(waiting):  # views read each other: some passes may be needed
            return
        waiting = left
