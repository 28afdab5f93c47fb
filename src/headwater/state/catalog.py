"""The catalog over a target's folders: sessions that know the tables under their names.

It lives in the memory of each session and is filled from the folders at start, so that no process
ever blocks another.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from headwater.machine.session import (
    QUICK_START,
    add_catalog,
    add_functions,
    java_class,
    own_catalog,
    rejoin_catalog,
    separate_catalog,
    spark_session,
)
from headwater.names import TableName, quote, split_name
from headwater.settings import Settings
from headwater.state.pipeline import made_by
from headwater.state.store import Store, identifier_of, separate_catalogs
from headwater.state.target import Target
from headwater.state.views import make_views

DEFAULT_SCHEMA = "default"
"""Schema of tables that are written without one, which every session has."""


@contextmanager
def target_session(
    target: Target,
    settings: Settings,
    *,
    master: str | None = None,
    quick: bool = False,
    configuration: Mapping[str, str] | None = None,
    connectors: Sequence[str] = (),
) -> Iterator[SparkSession]:
    """Open a session that knows the target's tables under their names.

    Args:
        quick: for short work: starts sooner, runs slower.
        configuration: further Spark settings.
        connectors: words of further jars, such as "kafka".

    Raises:
        SettingError: no usable Java, jars that can't be had.
    """
    with spark_session(
        settings,
        state=target.store.root,
        catalogs=target.catalogs(),
        master=master,
        configuration=configuration,
        jvm_options=QUICK_START if quick else (),
        connectors=connectors,
    ) as spark:
        place_default_schema(spark, target.default_schema()[0], target.store)
        use_target(spark, target)
        yield spark


def use_target(spark: SparkSession, target: Target) -> None:
    """Let a session know the target's tables under their names; safe to call twice."""
    add_functions(spark)
    for each in target.catalogs():
        add_catalog(spark, each)
    register_all(spark, target.store, target.default_schema()[0])
    for schema in target.bundle.schemas.values():
        create_schema(spark, schema.catalog, schema.name, target.store)
    catalog, name = target.default_schema()
    create_schema(spark, catalog, name, target.store)
    make_views(spark, target.store)
    use_schema(spark, name)


@contextmanager
def entered(spark: SparkSession, target: Target) -> Iterator[None]:
    """Let a session know the tables of a target for the length of a `with` block."""
    use_target(spark, target)
    try:
        yield
    finally:
        forget_all(spark, target.store)


def register_all(spark: SparkSession, store: Store, first: str = "main") -> None:
    """Register every table on disk with the session, without reading any of them.

    Args:
        first: the catalog that `schema.table` means where several have such a table.
    """
    names = list(store.tables())
    for catalog in sorted(separate_catalogs(names, first)):
        separate_catalog(spark, catalog)
    for catalog, schema in store.schemas():
        create_schema(spark, catalog, schema, store)
    for name in names:
        register_table(spark, name, store.table_path(name), store)


def forget_all(spark: SparkSession, store: Store) -> None:
    """Let a session forget the tables of a store, which stay on disk as they are.

    The catalog in memory deletes the folders of what it drops: they are elsewhere meanwhile.
    """
    found = list(store.schemas())
    schemas = [schema for _, schema in found]
    aside = store.root.with_name(f"{store.root.name}.aside")
    if current_schema(spark) in schemas:
        use_schema(spark, DEFAULT_SCHEMA)
    if schemas:
        store.root.rename(aside)
    try:
        for catalog, schema in found:
            external = _external_catalog(spark, catalog)
            if schema != DEFAULT_SCHEMA:
                external.dropDatabase(schema, True, True)
                continue
            tables = external.listTables(schema)  # a session can't be without this schema
            for number in range(tables.size()):
                external.dropTable(schema, tables.apply(number), True, True)
        for catalog in {catalog for catalog, _ in found}:
            rejoin_catalog(spark, catalog)
    finally:
        if schemas:
            shutil.rmtree(store.root, ignore_errors=True)
            aside.rename(store.root)


def create_schema(spark: SparkSession, catalog: str, schema: str, store: Store) -> None:
    """Create a schema in the session whose new tables land in the target's folder.

    Written straight to the catalog in memory, which takes any name; CREATE SCHEMA takes only plain
    ones.
    """
    external = _external_catalog(spark, catalog)
    if external.databaseExists(schema):
        return
    jvm: Any = spark._jvm
    catalogs = jvm.org.apache.spark.sql.catalyst.catalog
    location = _location(spark, catalog, schema, store)
    none = catalogs.CatalogStorageFormat.empty().properties()
    external.createDatabase(catalogs.CatalogDatabase(schema, "", location, none), True)


def _location(spark: SparkSession, catalog: str, schema: str, store: Store) -> Any:
    """Return the URI of a schema's folder, an object of the JVM."""
    jvm: Any = spark._jvm
    return jvm.java.net.URI.create(store.schema_path(catalog, schema).absolute().as_uri())


def place_default_schema(spark: SparkSession, catalog: str, store: Store) -> None:
    """Put tables that are written without a schema where those of all others are.

    Spark has them in its warehouse, where the next command does not look. For a session of its own.
    """
    external = _external_catalog(spark)
    found = external.getDatabase(DEFAULT_SCHEMA)
    jvm: Any = spark._jvm
    location = _location(spark, catalog, DEFAULT_SCHEMA, store)
    placed = jvm.org.apache.spark.sql.catalyst.catalog.CatalogDatabase(
        DEFAULT_SCHEMA, found.description(), location, found.properties()
    )
    external.alterDatabase(placed)


def keep_schema(spark: SparkSession, catalog: str, schema: str, store: Store) -> None:
    """Create a schema, in a catalog that may be new too, which the next command finds again."""
    add_catalog(spark, catalog)
    create_schema(spark, catalog, schema, store)
    store.schema_path(catalog, schema).mkdir(parents=True, exist_ok=True)


def schema_exists(spark: SparkSession, schema: str, catalog: str = "") -> bool:
    """Whether a session knows a schema; of a catalog that shares them, in any such catalog."""
    return bool(_external_catalog(spark, catalog).databaseExists(schema))


def current_schema(spark: SparkSession) -> str:
    """Return the schema of unqualified names in a session."""
    return split_name(spark.catalog.currentDatabase())[-1]


def use_schema(spark: SparkSession, schema: str) -> None:
    """Make a schema the one of unqualified names in a session."""
    spark.catalog.setCurrentDatabase(quote(schema))


def _external_catalog(spark: SparkSession, catalog: str = "") -> Any:
    """Return what holds a catalog's entries: its own, or what the session's catalogs share."""
    own = own_catalog(spark, catalog)
    if own is not None:
        return own.external
    return spark._jsparkSession.sessionState().catalog().externalCatalog()


def note_table(spark: SparkSession, store: Store, schema: str, table: str, catalog: str) -> bool:
    """Record a table that SQL created, at any path, so that the next session finds it.

    Args:
        catalog: of a schema that is not on disk yet.

    Returns:
        Whether it is kept: what isn't a Delta table is gone with the session.
    """
    external = _external_catalog(spark)
    if not external.tableExists(schema, table):
        return True  # there was nothing to make
    found = external.getTable(schema, table)
    provider = found.provider()
    if provider.isEmpty() or str(provider.get()) != "delta":
        return False
    catalogs = [each for each, name in store.schemas() if name == schema] or [catalog.lower()]
    names = [TableName(each, schema, table) for each in catalogs]
    path = Path(found.location().getPath())
    if all(path != store.table_path(each).absolute() for each in names):
        store.note_location(names[-1], path)
    return True


def register_table(spark: SparkSession, name: TableName, path: Path, store: Store) -> None:
    """Register a Delta table in the session's catalog; safe to call twice.

    Written straight to the catalog in memory: `CREATE TABLE ... LOCATION` would read the table's
    log (0.2 s each) and make it external, so that DROP TABLE would leave it on disk. Decision 0001.
    """
    other = _taken_by(spark, name, store)
    if other and own_catalog(spark, other) is not None:
        _forget(spark, name)  # the other one has moved to schemas of its own
    elif other:
        _separate(spark, name.catalog, store)
    external = _external_catalog(spark, name.catalog)
    if not external.databaseExists(name.schema):
        create_schema(spark, name.catalog, name.schema, store)
    if external.tableExists(name.schema, name.table):
        return
    jvm: Any = spark._jvm
    catalog = jvm.org.apache.spark.sql.catalyst.catalog
    kinds = catalog.CatalogTableType
    some, none = jvm.scala.Option.apply, jvm.scala.Option.empty()
    empty = catalog.CatalogStorageFormat.empty()
    storage = catalog.CatalogStorageFormat(
        some(jvm.java.net.URI.create(path.absolute().as_uri())),
        none,
        none,
        none,
        False,
        empty.properties(),
        none,
    )
    companion = catalog.CatalogTable
    defaults = [getattr(companion, f"apply$default${n}")() for n in range(6, 23)]
    table = companion.apply(
        jvm.org.apache.spark.sql.catalyst.TableIdentifier(name.table, some(name.schema)),
        kinds.EXTERNAL() if store.is_external(name) else kinds.MANAGED(),
        storage,
        jvm.org.apache.spark.sql.types.StructType(),
        some("delta"),
        *defaults,
    )
    external.createTable(table, True)


def keep_apart(spark: SparkSession, store: Store, names: Iterable[TableName], first: str) -> None:
    """Give catalogs schemas of their own where tables that are to be made need it.

    Args:
        names: of the tables that will be there.
        first: the catalog that `schema.table` means where several have such a table.
    """
    for catalog in sorted(separate_catalogs([*store.tables(), *names], first)):
        _separate(spark, catalog, store)


def other_maker(spark: SparkSession, name: TableName, store: Store) -> str:
    """Name the catalog whose table a write to `name` would replace; "" if it is its own or new."""
    if own_catalog(spark, name.catalog) is not None:
        return ""
    if not _external_catalog(spark).tableExists(name.schema, name.table):
        return ""
    maker = store.maker(name.schema, name.table)
    if maker:
        return "" if maker == name.catalog else maker
    other = _taken_by(spark, name, store)
    made = made_by(store, str(replace(name, catalog=other))) if other else None
    return other if made is not None else ""


def _taken_by(spark: SparkSession, name: TableName, store: Store) -> str:
    """Name the other catalog whose table has that name in the shared schemas; "" if none has."""
    if own_catalog(spark, name.catalog) is not None:
        return ""
    external = _external_catalog(spark)
    if not external.tableExists(name.schema, name.table):
        return ""
    there = Path(external.getTable(name.schema, name.table).location().getPath())
    tables = store.schema_path(name.catalog, name.schema).absolute().parent.parent
    if not there.is_relative_to(tables):
        return ""
    other = identifier_of(there.relative_to(tables).parts[0])
    return "" if other == name.catalog else other


def _separate(spark: SparkSession, catalog: str, store: Store) -> None:
    """Give a catalog schemas of its own, with what it has on disk."""
    separate_catalog(spark, catalog)
    for name in store.tables():
        if name.catalog == catalog:
            register_table(spark, name, store.table_path(name), store)


def _forget(spark: SparkSession, name: TableName) -> None:
    """Take an entry out of the shared schemas; as an external table it keeps its files."""
    external = _external_catalog(spark)
    kinds = java_class(spark, "org.apache.spark.sql.catalyst.catalog.CatalogTableType")
    entry = external.getTable(name.schema, name.table)
    parts = [entry.productElement(at) for at in range(entry.productArity())]
    external.alterTable(entry.copy(parts[0], kinds.EXTERNAL(), *parts[2:]))
    external.dropTable(name.schema, name.table, True, False)


def is_temporary_view(spark: SparkSession, name: str) -> bool:
    """Whether a session has a temporary view of a name, which the source made while loaded."""
    if "." in name:
        return False
    found = spark._jsparkSession.sessionState().catalog().getTempView(name.strip("`"))
    return bool(found.isDefined())
