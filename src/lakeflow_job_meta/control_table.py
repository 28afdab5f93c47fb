"""The control table: one Delta table, a row for each source.

It is created, upgraded, read and written here, always with names quoted and values as data. What
a row means is in `sources`, what shall change in `load_plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from delta.tables import DeltaTable
from pyspark.errors import AnalysisException, IllegalArgumentException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from headwater.errors import UsageError
from lakeflow_job_meta.constants import (
    AUDIT_COLUMNS,
    MODULE_COLUMN,
    SOURCE_COLUMNS,
)
from lakeflow_job_meta.errors import ControlTableBusy
from lakeflow_job_meta.load_plan import Change, ChangeKind, Key, StoredRow
from lakeflow_job_meta.retries import again_on_conflict, is_conflict
from lakeflow_job_meta.rows import frame_of
from lakeflow_job_meta.sources import read_source, source_row
from lakeflow_job_meta.utils import quoted_table_name

T = TypeVar("T")

ROUNDS = 8
_REFUSALS = (AnalysisException, IllegalArgumentException)
"""What Spark says of names that it can't use; the second of those that make no path."""

_TEXT, _WHOLE = ("string",), ("int", "bigint")
_TIME = ("timestamp", "timestamp_ntz")
_TYPES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys((*SOURCE_COLUMNS, MODULE_COLUMN, *AUDIT_COLUMNS), _TEXT),
    "execution_order": _WHOLE,
    "is_active": ("boolean",),
    "created_at": _TIME,
    "updated_at": _TIME,
}
"""All columns in the order of a new table, each with the types it may have; the first is ours."""

_WRITTEN = (*SOURCE_COLUMNS, MODULE_COLUMN, "updated_by", "content_hash")
_CHANGES = ", ".join(f"{name} {_TYPES[name][0]}" for name in _WRITTEN) + ", kind string"
_SAME_KEY = (  # a row without a name is one of the empty name
    "coalesce(old.module_name, '') = new.module_name AND "
    "coalesce(old.source_id, '') = new.source_id"
)


class ControlTable:
    """A control table, which need not exist yet.

    Args:
        name: `catalog.schema.table`; parts with other characters in backticks.

    Raises:
        UsageError: TABLE_NAME_INVALID.
    """

    def __init__(self, name: str, spark: SparkSession) -> None:
        self.name = name
        self.quoted = quoted_table_name(name)
        self._spark = spark

    def exists(self) -> bool:
        """Return whether the table is there.

        Raises:
            UsageError: CONTROL_TABLE_UNREACHABLE, such as for an unknown catalog.
        """
        return self._reached(lambda: self._spark.catalog.tableExists(self.quoted))

    def ensure(self) -> None:
        """Create the table, or add the columns that an older one lacks.

        It may be called by several processes at once, and any number of times: without need there
        is no commit.

        Raises:
            UsageError: CONTROL_TABLE_INVALID for a table that is no control table;
                CONTROL_TABLE_UNREACHABLE.
        """
        try:
            again_on_conflict(self._ensure)
        except _REFUSALS as error:
            raise self._refused(error) from error

    def _ensure(self) -> None:
        sql = self._addition() if self.exists() else self._creation()
        if sql:
            self._spark.sql(sql)

    def _creation(self) -> str:
        columns = ", ".join(f"{name} {types[0]}" for name, types in _TYPES.items())
        said = "COMMENT 'Sources of lakeflow_job_meta: one row is one task of a job'"
        return f"CREATE TABLE IF NOT EXISTS {self.quoted} ({columns}) USING DELTA {said}"

    def _addition(self) -> str:
        present = {name.lower() for name in self._checked().columns}
        lacking = [f"{name} {types[0]}" for name, types in _TYPES.items() if name not in present]
        if not lacking:
            return ""
        self.version()  # only a Delta table has one: no other is altered
        return f"ALTER TABLE {self.quoted} ADD COLUMNS ({', '.join(lacking)})"

    def _checked(self) -> DataFrame:
        """Return the table, if it has the columns of a control table."""
        table = self._reached(lambda: self._spark.table(self.quoted))
        fields = self._reached(lambda: table.schema.fields)
        present = {field.name.lower(): field.dataType.simpleString() for field in fields}
        for name, types in _TYPES.items():
            found = present.get(name)
            if found is None and name in SOURCE_COLUMNS:
                raise self._invalid(f"has no column {name}", f"Add it: {name} {types[0]}.")
            if found is not None and found not in types:
                raise self._invalid(
                    f"has a column {name} of type {found}", f"It has to be {' or '.join(types)}."
                )
        return table

    def version(self) -> int:
        """Return the table's Delta version; it reads the last commit and no data.

        Raises:
            UsageError: CONTROL_TABLE_MISSING, CONTROL_TABLE_INVALID, CONTROL_TABLE_UNREACHABLE.
        """
        sql = f"DESCRIBE HISTORY {self.quoted} LIMIT 1"
        last = self._reached(lambda: self._spark.sql(sql).select("version").collect())
        version: int = last[0]["version"]
        return version

    def read(self, module: str | None = None, source_id: str | None = None) -> list[StoredRow]:
        """Read all rows, or those of a module or a source id, in one scan.

        An older table is read as it is.

        Raises:
            UsageError: as `version`.
        """
        table = self._checked()
        for column, value in (("module_name", module), ("source_id", source_id)):
            if value is not None:
                table = table.where(F.col(column) == F.lit(value))
        names = [name for name in table.columns if name.lower() in _TYPES]
        rows = self._reached(lambda: table.select(*names).collect())
        return [self._stored({name.lower(): row[name] for name in names}) for row in rows]

    def _stored(self, row: Mapping[str, Any]) -> StoredRow:
        source, faults = read_source(row, self.name)
        key = (row["module_name"] or "", row["source_id"] or "")
        return StoredRow(key, source, faults, row["is_active"] is not False, row.get("updated_by"))

    def merge(self, changes: Sequence[Change]) -> None:
        """Write changes in one commit; no changes make none.

        Raises:
            PySparkException: a conflict with another commit (`retries.is_conflict`); nothing was
                written then.
        """
        if not changes:
            return
        new = self._changes(changes).alias("new")
        now = F.current_timestamp()
        content: dict[str, str | Column] = {name: F.col(f"new.{name}") for name in _WRITTEN}
        content["updated_by"] = F.coalesce(F.col("new.updated_by"), F.expr("current_user()"))
        off: dict[str, str | Column] = {
            "is_active": F.lit(False),
            "updated_at": now,
            **{name: content[name] for name in ("updated_by", "content_hash")},
        }
        is_off = f"new.kind = '{ChangeKind.DEACTIVATED.value}'"
        (
            DeltaTable.forName(self._spark, self.quoted)
            .alias("old")
            .merge(new, _SAME_KEY)
            .whenMatchedUpdate(is_off, off)
            .whenMatchedUpdate(set={**content, "updated_at": now})
            .whenNotMatchedInsert(
                f"NOT {is_off}", {**content, "created_at": now, "updated_at": now}
            )
            .execute()
        )

    def _changes(self, changes: Iterable[Change]) -> DataFrame:
        rows = []
        for change in changes:
            row: dict[str, Any] = dict.fromkeys(_WRITTEN)
            row["module_name"], row["source_id"] = change.key
            if change.source:
                row.update(source_row(change.source))
                row["content_hash"] = change.source.content_hash
            row["updated_by"] = change.owner
            rows.append((*(row[name] for name in _WRITTEN), change.kind.value))
        return frame_of(self._spark, rows, _CHANGES)

    def change(self, plan: Callable[[Sequence[StoredRow]], Sequence[Change]]) -> list[Change]:
        """Read the table, plan changes of it and write them, as if nobody else wrote meanwhile.

        Where another commit came between the read and the write, or was in the write's way, it
        is read and planned again, until the plan is empty or was written right after the read.

        Args:
            plan: pure; it may be called several times.

        Returns:
            what was written, for each key the first of it.

        Raises:
            ControlTableBusy: CONTROL_TABLE_BUSY when others never pause; a part may be written.
        """
        written: dict[Key, Change] = {}

        def is_settled() -> bool:
            version = self.version()
            changes = plan(self.read())
            self.merge(changes)
            written.update({change.key: change for change in changes} | written)
            return not changes or self.version() == version + 1

        self._settled(is_settled)
        return list(written.values())

    def _settled(self, attempt: Callable[[], bool]) -> None:
        """Repeat until an attempt says that nobody was in its way."""
        try:
            for _ in range(ROUNDS):
                if again_on_conflict(attempt):
                    return
        except PySparkException as error:
            if not is_conflict(error):
                raise
        raise ControlTableBusy(
            "CONTROL_TABLE_BUSY",
            "Others change the control table all the time",
            where=self.name,
            hint="Try again later.",
        )

    def _reached(self, read: Callable[[], T]) -> T:
        """Turn what Spark says of a table that can't be used into an error for users."""
        try:
            return read()
        except _REFUSALS as error:
            raise self._refused(error) from error

    def _refused(self, error: PySparkException) -> UsageError:
        if _begins(error, "TABLE_OR_VIEW_NOT_FOUND", "DELTA_TABLE_NOT_FOUND"):
            hint = "Loading YAML creates it, and so does MetadataManager.ensure_exists()."
            return UsageError(
                "CONTROL_TABLE_MISSING", "There is no such table", where=self.name, hint=hint
            )
        if _begins(error, "DELTA_MISSING_DELTA_TABLE", "DELTA_ONLY_OPERATION"):
            return self._invalid("is no Delta table", "Name another table.")
        said = str(error).strip().splitlines()[0]
        hint = "Check the name, and that catalog and schema exist and may be used."
        return UsageError("CONTROL_TABLE_UNREACHABLE", said, where=self.name, hint=hint)

    def _invalid(self, said: str, hint: str) -> UsageError:
        return UsageError("CONTROL_TABLE_INVALID", f"The table {said}", where=self.name, hint=hint)


def _begins(error: PySparkException, *codes: str) -> bool:
    return str(error).startswith(tuple(f"[{code}" for code in codes))
