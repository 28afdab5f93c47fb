"""Point names of tables in catalogs with schemas of their own to the tables' folders.

Spark finds such a table by its three-part name, but takes two of them for one within a query:
their catalogs have one name for it. By its folder it is told from the others. Decision 0020.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from headwater.machine.session import has_own_catalogs, own_catalog
from headwater.names import READ_VIEW, TableName, quote, table_name
from headwater.sandbox.sql_places import FILE_FORMATS
from headwater.sandbox.sql_text import Relation, Replacement, SqlText
from headwater.state.store import Store

_numbers = itertools.count()


@contextmanager
def over_folders(
    spark: SparkSession, store: Store, text: SqlText, namespace: tuple[str, str]
) -> Iterator[str]:
    """Yield a statement in which tables of such catalogs are read by their folders.

    Queries read them through temporary views, which are gone at the end of the `with` block;
    plans made in it keep their own. Other statements name the folders.

    Args:
        namespace: catalog and schema of names without them; ("", "") leaves these to Spark.
    """
    if not has_own_catalogs(spark):
        yield text.text
        return
    views: list[str] = []

    def replace(relation: Relation) -> Replacement | None:
        if relation.parts[0] in FILE_FORMATS or (len(relation.parts) < 3 and not namespace[0]):
            return None
        name = table_name(".".join(map(quote, relation.parts)), *namespace)
        path = store.table_path(name)
        if own_catalog(spark, name.catalog) is None or not (path / "_delta_log").is_dir():
            return None
        if not relation.is_rows:
            return Replacement(name.quoted, name)
        return by_folder(spark, relation, name, path, None if text.is_command else keep)

    def keep(frame: DataFrame) -> str:
        views.append(f"{READ_VIEW}sql_{next(_numbers)}")
        frame.createOrReplaceTempView(views[-1])
        return views[-1]

    try:
        yield text.replaced(replace)
    finally:
        for view in views:
            spark.catalog.dropTempView(view)


def by_folder(
    spark: SparkSession,
    relation: Relation,
    name: TableName,
    path: Path,
    keep: Callable[[DataFrame], str] | None,
) -> Replacement:
    """Return what stands for a table that is read by its folder.

    Args:
        name: of the table.
        path: its folder.
        keep: makes a view of a frame and returns its name; None where the statement takes no view.
    """
    if keep is None or relation.is_past:  # a view has no earlier versions
        return Replacement(f"delta.{quote(str(path))}", name)
    reader = spark.readStream if relation.streaming else spark.read
    return Replacement(
        keep(reader.format("delta").options(**relation.options).load(str(path))), name
    )
