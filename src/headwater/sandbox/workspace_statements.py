"""Run the statements that a workspace knows and Spark does not: catalogs, volumes, USE CATALOG."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from headwater.errors import UsageError, nearest
from headwater.machine.session import add_catalog, own_catalog
from headwater.names import TableName, quote, split_name
from headwater.sql.cursor import SqlSyntaxError
from headwater.sql.statements import UseNamespace
from headwater.sql.workspace import (
    CreateCatalog,
    CreateVolume,
    DropSchema,
    NoEffect,
    without_inert_clauses,
    workspace_statement,
)
from headwater.state.catalog import current_schema, keep_schema, other_maker, use_schema
from headwater.state.store import Store

CURRENT_CATALOG = "headwater.currentCatalog"
"""Setting of a session: the catalog that USE has named."""


def check_new_table(spark: SparkSession, store: Store, name: str, *, drops: bool = False) -> None:
    """Refuse to write or drop another catalog's table, with which this one shares its schemas.

    Args:
        name: as given; without a catalog, it is in the one that USE has named.

    Raises:
        UsageError: TABLE_OF_OTHER_CATALOG.
    """
    *above, table = split_name(name)
    catalog = above[0] if len(above) > 1 else spark.conf.get(CURRENT_CATALOG, None)
    if catalog is None or len(above) > 2:
        return
    schema = above[-1] if above else current_schema(spark)
    wanted = TableName(catalog.lower(), schema.lower(), table.lower())
    other = other_maker(spark, wanted, store)
    if not other and not drops:
        store.note_maker(wanted)
    if other:
        raise UsageError(
            "TABLE_OF_OTHER_CATALOG",
            f"'{wanted}' is the same table as '{other}.{wanted.schema}.{wanted.table}' here: "
            "catalogs share the tables that jobs make",
            hint="Give the table, or its schema, a name of its own, or make it in a pipeline.",
            table=str(wanted),
        )


@dataclass
class Workspace:
    """Where a session's statements are in a workspace, and what they make there beside tables.

    Attributes:
        catalog: of names without one; USE changes it.
        catalogs: returns the catalogs that USE may name.
        tell: is told what has no effect, once.
        reads_texts: whether all that is read comes by here, as a text; names that Python code gives
            Spark can't be completed.
        schema: of names without one, in a catalog with schemas of its own.
    """

    spark: SparkSession
    store: Store
    catalog: str
    catalogs: Callable[[], Collection[str]]
    tell: Callable[[str], None]
    reads_texts: bool = True
    schema: str = "default"
    _told: set[str] = field(default_factory=set)

    @property
    def namespace(self) -> tuple[str, str]:
        """Catalog and schema of names without them; ("", "") where Spark knows better."""
        is_own = own_catalog(self.spark, self.catalog) is not None
        return (self.catalog, self.schema) if is_own else ("", "")

    def run(self, text: str, value: Callable[[str], object]) -> DataFrame | None:
        """Run a statement that Spark does not know; None for any other.

        Args:
            value: returns what the expression in `IDENTIFIER(...)` is.

        Raises:
            UsageError: SQL_NOT_SUPPORTED, CATALOG_UNKNOWN, CATALOG_SEPARATE, SCHEMA_SHARED,
                VOLUME_EXISTS, NAME_INVALID.
        """
        try:
            found = workspace_statement(text, value)
        except SqlSyntaxError as error:
            raise UsageError(error.code, error.message, hint=error.hint) from None
        match found:
            case None:
                return None
            case UseNamespace():
                self._use(found)
            case CreateCatalog(name):
                keep_schema(self.spark, name.lower(), "default", self.store)
            case CreateVolume():
                self._make_volume(found)
                if found.is_external:
                    self._tell("LOCATION of CREATE EXTERNAL VOLUME")
            case DropSchema(catalog, schema):
                self._check_alone(catalog.lower(), schema.lower())
                return None
            case NoEffect("ANALYZE TABLE" as words):
                self._analyze(text, words)
            case NoEffect(words):
                self._tell(words)
        return self.spark.createDataFrame([], "")

    def _analyze(self, text: str, words: str) -> None:
        """Let Spark compute statistics, which it does not for Delta tables."""
        try:
            SparkSession.sql(self.spark, text)
        except AnalysisException as error:
            if error.getCondition() != "NOT_SUPPORTED_COMMAND_FOR_V2_TABLE":
                raise
            self._tell(words)

    def readable(self, text: str) -> str:
        """Return a statement without the clauses that have no effect and that Spark can't read."""
        text, left_out = without_inert_clauses(text)
        for words in left_out:
            self._tell(words)
        return text

    def _tell(self, words: str) -> None:
        if words not in self._told:
            self._told.add(words)
            self.tell(words)

    def _use(self, used: UseNamespace) -> None:
        if used.catalog is not None and used.catalog.lower() == "spark_catalog":
            used = replace(used, catalog=self.catalog)  # Spark's word for what catalogs share
        if used.catalog is not None:
            known = {*self.catalogs(), self.catalog}
            if used.catalog.lower() not in known:
                raise UsageError(
                    "CATALOG_UNKNOWN",
                    f"This target has no catalog '{used.catalog}'",
                    hint=nearest(used.catalog, known)
                    or f'Make it: headwater sql "CREATE CATALOG {quote(used.catalog)}".',
                    catalog=used.catalog,
                )
            if own_catalog(self.spark, used.catalog) is not None and not self.reads_texts:
                raise UsageError(
                    "CATALOG_SEPARATE",
                    f"USE CATALOG '{used.catalog}' is not supported in a job: another catalog has "
                    "tables of the same names",
                    hint="Name its tables in three parts, in SQL.",
                    catalog=used.catalog,
                )
            self.catalog, self.schema = used.catalog.lower(), "default"
            add_catalog(self.spark, self.catalog)
            self.spark.conf.set(CURRENT_CATALOG, self.catalog)
            if own_catalog(self.spark, self.catalog) is None and used.schema is None:
                use_schema(self.spark, "default")
        if own_catalog(self.spark, self.catalog) is not None:
            self.schema = (used.schema or self.schema).lower()
        elif used.schema is not None:
            SparkSession.sql(self.spark, f"USE {quote(used.schema)}")

    def _check_alone(self, catalog: str, schema: str) -> None:
        """Refuse to drop a schema whose tables are those of another catalog, too."""
        others = [each for each, name in self.store.schemas() if name == schema and each != catalog]
        if others and own_catalog(self.spark, catalog) is None:
            raise UsageError(
                "SCHEMA_SHARED",
                f"DROP SCHEMA '{catalog}.{schema}' would drop the tables of "
                f"'{others[0]}.{schema}', too: catalogs share their schemas here",
                hint="Drop its tables one by one.",
                schema=schema,
            )

    def _make_volume(self, made: CreateVolume) -> None:
        default = (self.catalog, self.namespace[1] or current_schema(self.spark))
        missing = 3 - len(made.parts)
        catalog, schema, volume = map(str.lower, (*default[:missing], *made.parts))
        folder = self.store.volume_path(catalog, schema, volume)
        if folder.is_dir() and not made.may_exist:
            raise UsageError(
                "VOLUME_EXISTS",
                f"The volume '{catalog}.{schema}.{volume}' already exists",
                hint="Write CREATE VOLUME IF NOT EXISTS.",
            )
        folder.mkdir(parents=True, exist_ok=True)
