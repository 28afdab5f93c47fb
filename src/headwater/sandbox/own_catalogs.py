"""Point names of tables in catalogs with schemas of their own to the tables' folders.

Spark finds such a table by its three-part name, but takes two of them for one within a query:
their catalogs have one name for it. By its folder it is told from the others. Decision 0020.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark.sql import SparkSession

from headwater.machine.session import has_own_catalogs, own_catalog
from headwater.names import READ_VIEW, quote, table_name
from headwater.sandbox.sql_text import FILE_FORMATS, Relation, Replacement, SqlText
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
        if text.is_command or relation.is_past:  # a view has no earlier versions
            return Replacement(f"delta.{quote(str(path))}", name)
        frame = spark.read.format("delta").options(**relation.options).load(str(path))
        views.append(f"{READ_VIEW}sql_{next(_numbers)}")
        frame.createOrReplaceTempView(views[-1])
        return Replacement(views[-1], name)

    try:
        yield text.replaced(replace)
    finally:
        for view in views:
            spark.catalog.dropTempView(view)
