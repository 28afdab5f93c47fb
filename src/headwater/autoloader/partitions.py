"""Columns that come from folder names: `.../year=2026/month=1/file.parquet`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    DataType,
    DateType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from headwater.autoloader.request import Options

_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def find_partitions(paths: Iterable[str], base: str, options: Options) -> StructType:
    """Return the partition columns of a source.

    Those of the option `partitionColumns`; without it, the keys of the folders below `base`,
    or none where files disagree. STRING, unless types are to be inferred.
    """
    values: dict[str, list[str]] = {}
    layouts = set()
    for path in paths:
        pairs = folder_values(path, base)
        layouts.add(tuple(key for key, _ in pairs))
        for key, value in pairs:
            values.setdefault(key, []).append(value)
    if options.partition_columns is not None:
        names = options.partition_columns
    else:
        names = layouts.pop() if len(layouts) == 1 else ()
    return StructType([StructField(n, _kind(values.get(n, []), options)) for n in names])


def folder_values(path: str, base: str) -> list[tuple[str, str]]:
    """List the keys and values of the folders of a file below `base`."""
    above = base.rstrip("/") + "/"
    parts = path[len(above) :].split("/")[:-1] if path.startswith(above) else []
    pairs = (part.split("=", 1) for part in parts if "=" in part)
    return [(unquote(key), unquote(value)) for key, value in pairs if key]


def partition_value(path: Column, name: str) -> Column:
    """Take a partition's value from a file's real path; NULL where the path lacks the key."""
    pattern = f"/{re.escape(name)}=([^/]*)/(?!.*/{re.escape(name)}=[^/]*/)"
    found = F.regexp_extract(path, pattern, 1)
    plain = F.coalesce(F.try_url_decode(F.replace(found, F.lit("+"), F.lit("%2B"))), found)
    return F.when(path.rlike(pattern) & (found != _NO_VALUE), plain)


def _kind(values: list[str], options: Options) -> DataType:
    given = [value for value in values if value != _NO_VALUE]
    if not options.infer_types or not given:
        return StringType()
    if all(re.fullmatch(r"-?\d{1,18}", value) for value in given):
        return IntegerType() if all(abs(int(v)) < 2**31 for v in given) else LongType()
    if all(re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) for value in given):
        return DateType()
    return StringType()
