"""The first rows of a Delta table as plain values, read without a JVM.

Two readers, because neither is right for all tables: PyArrow reads far timestamps of any file but
no mapped columns and no deletion vectors; the query engine of delta-rs reads those, but old (INT96)
timestamps outside of 1677 to 2262 wrongly. What does not live here: printing (`render`).
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as fs
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaError

from headwater.errors import UsageError

Show = Callable[[Any], Any]

_BY_PYARROW = {"timestampNtz", "variantType", "variantType-preview"}
"""Reader features of Delta that `to_pyarrow_dataset` takes."""
_MOST_ROWS = 2**31 - 1
_MOST_SINGLE = 3.4028235e38


def first_rows(path: Path, rows: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Read the first rows of a table, and the names of its columns.

    Values are ready for JSON as Spark writes it: binary as base64, NaN as text, maps as objects,
    VARIANT as what it holds; dates, times and decimals as texts.

    Raises:
        UsageError: TABLE_UNREADABLE, when the table is gone, being made, or holds what this reader
            can't show rightly.
    """
    try:
        table = DeltaTable(path)
        found = _read(table, path, min(rows, _MOST_ROWS))
        fields = table.schema().fields
        shows = [(field.name, _shown(field.type)) for field in fields]
        values = [{name: show(row[name]) for name, show in shows} for row in found.to_pylist()]
        return values, [name for name, _ in shows]
    except DeltaError as error:
        if "empty schema" in str(error):  # a table without columns
            return [], []
        raise _unreadable(type(error).__name__) from error
    except (OSError, ValueError, OverflowError, LookupError, pa.ArrowException) as error:
        if isinstance(error, UsageError):
            raise
        raise _unreadable(type(error).__name__) from error
    except Exception as error:
        # The query engine raises plain exceptions, as it does for files that are gone.
        if type(error) is not Exception:
            raise
        raise _unreadable("the query engine of delta-rs") from error


def _read(table: DeltaTable, path: Path, rows: int) -> pa.Table:
    if _is_plain(table):
        return _read_plain(table, path, rows)
    if _has_old_timestamps(table):
        raise _unreadable("INT96 timestamps beside mapped columns or deletion vectors")
    try:
        query = QueryBuilder().register("t", table)
    except DeltaError as error:
        features = ", ".join(sorted(set(table.protocol().reader_features or ()) - _BY_PYARROW))
        raise _unreadable(f"one of its Delta features is not supported here: {features}") from error
    return pa.table(query.execute(f"SELECT * FROM t LIMIT {rows}").read_all())


def _read_plain(table: DeltaTable, path: Path, rows: int) -> pa.Table:
    """Read row groups to their end, in order, from Arrow's own file system.

    `Dataset.head` goes on reading ahead, through Python, while the process ends: every fourth one
    crashed.
    """
    data = table.to_pyarrow_dataset(
        filesystem=fs.SubTreeFileSystem(str(path), fs.LocalFileSystem()),
        parquet_read_options=ds.ParquetReadOptions(coerce_int96_timestamp_unit="us"),
    )
    found = data.schema.empty_table()
    for fragment in data.get_fragments():
        for group in fragment.split_by_row_group():
            if found.num_rows >= rows:
                return found.slice(0, rows)
            found = pa.concat_tables([found, group.to_table(schema=data.schema, use_threads=False)])
    return found.slice(0, rows)


def _is_plain(table: DeltaTable) -> bool:
    features = set(table.protocol().reader_features or ())
    mapping = table.metadata().configuration.get("delta.columnMapping.mode", "none")
    return mapping == "none" and features <= _BY_PYARROW


def _has_old_timestamps(table: DeltaTable) -> bool:
    """Whether a file of the table has INT96 values; reads only footers, and those only if need be.

    Such files are from before sessions wrote TIMESTAMP_MICROS.
    """
    if '"timestamp"' not in table.schema().to_json():
        return False
    return any(_has_int96(file) for file in table.file_uris())


def _has_int96(file: str) -> bool:
    schema = pq.ParquetFile(file.removeprefix("file://")).schema
    return any(schema.column(at).physical_type == "INT96" for at in range(len(schema)))


def _shown(kind: Any) -> Show:
    """Choose how values of a Delta type are shown; the types of deltalake have no common base."""
    name = type(kind).__name__
    if name == "StructType":
        inner = {field.name: _shown(field.type) for field in kind.fields}
        return _maybe(lambda value: {key: show(value[key]) for key, show in inner.items()})
    if name == "ArrayType":
        item = _shown(kind.element_type)
        return _maybe(lambda value: [item(each) for each in value])
    if name == "MapType":
        first, second = _shown(kind.key_type), _shown(kind.value_type)
        return _maybe(lambda value: {_key(first(k)): second(v) for k, v in value})
    if name == "VariantType":
        return _maybe(_variant)
    return _single if getattr(kind, "type", "") == "float" else plain


def _maybe(show: Show) -> Show:
    return lambda value: None if value is None else show(value)


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _variant(value: Mapping[str, bytes]) -> Any:
    from pyspark.sql.variant_utils import VariantUtils  # here: only tables with VARIANT need it

    return _number(VariantUtils.to_python(value["value"], value["metadata"]))


def _number(value: Any) -> Any:
    """Show what a VARIANT holds; its decimals are the numbers of the JSON that it was made of."""
    if isinstance(value, dict):
        return {key: _number(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_number(each) for each in value]
    if isinstance(value, Decimal):
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    return plain(value)


def _single(value: float | None) -> Any:
    """Show a FLOAT with as few digits as identify it: 1.1, not 1.100000023841858."""
    if value is None or not math.isfinite(value):
        return plain(value)
    shorter = (float(f"{value:.{digits}g}") for digits in range(6, 9))
    same = struct.pack("f", value)
    return next(
        (each for each in shorter if abs(each) <= _MOST_SINGLE and struct.pack("f", each) == same),
        value,
    )


def plain(value: Any) -> Any:
    """Turn one value into what JSON takes."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return str(value) if isinstance(value, (date, datetime, Decimal)) else value


def _unreadable(what: str) -> UsageError:
    return UsageError(
        "TABLE_UNREADABLE",
        f"The table can't be shown without Spark: {what}",
        hint='Try again if an update runs, or read it with: headwater sql "SELECT * FROM ..."',
    )
