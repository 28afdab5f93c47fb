"""Run the statements that a workspace knows and Spark does not: catalogs, volumes, USE CATALOG."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, SparkSession

from headwater.errors import UsageError, nearest
from headwater.machine.session import add_catalog, own_catalog
from headwater.names import quote
from headwater.sql.cursor import SqlSyntaxError
from headwater.sql.statements import UseNamespace
from headwater.sql.workspace import (
    CreateCatalog,
    CreateVolume,
    NoEffect,
    without_inert_clauses,
    workspace_statement,
)
from headwater.state.catalog import current_schema, keep_schema
from headwater.state.store import Store


@dataclass
class Workspace:
    """Where a session's statements are in a workspace, and what they make there beside tables.

    Attributes:
        catalog: of names without one; USE changes it.
        catalogs: returns the catalogs that USE may name.
        tell: is told what has no effect, once.
        schema: of names without one, in a catalog with schemas of its own.
    """

    spark: SparkSession
    store: Store
    catalog: str
    catalogs: Callable[[], Collection[str]]
    tell: Callable[[str], None]
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
            UsageError: SQL_NOT_SUPPORTED, CATALOG_UNKNOWN, VOLUME_EXISTS, NAME_INVALID.
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
            case NoEffect(words):
                self._tell(words)
        return self.spark.createDataFrame([], "")

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
        if used.catalog is not None:
            known = {*self.catalogs(), self.catalog}
            if used.catalog.lower() not in known:
                raise UsageError(
                    "CATALOG_UNKNOWN",
                    f"This target has no catalog '{used.catalog}'",
                    hint=nearest(used.catalog, known) or "CREATE CATALOG makes one.",
                    catalog=used.catalog,
                )
            self.catalog, self.schema = used.catalog.lower(), "default"
            add_catalog(self.spark, self.catalog)
        if own_catalog(self.spark, self.catalog) is not None:
            self.schema = (used.schema or self.schema).lower()
        elif used.schema is not None:
            SparkSession.sql(self.spark, f"USE {quote(used.schema)}")

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
