"""Columns of datasets: as declared, as queries have them, and frames of given columns.

What does not live here: reading and writing tables (`tables`, `overwrite`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import cast

from pyspark.errors import AnalysisException, ParseException, PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    CharType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
    VarcharType,
)

from headwater import cdc
from headwater.analysis.column_types import holds_null, nullable, stored_type
from headwater.analysis.identities import check_identities, identity_columns
from headwater.errors import DefinitionError, nearest
from headwater.graph.model import Dataset, DatasetKind, Flow, FlowKind
from headwater.names import quote
from headwater.sandbox.failures import explained
from headwater.sandbox.interception import intercepted
from headwater.sql.columns import SplitColumns, split_columns

_CLAUSES = re.compile(r"\b(GENERATED|PRIMARY\s+KEY|FOREIGN\s+KEY|CONSTRAINT|DEFAULT)\b", re.I)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`]|``)*`")
PLACEHOLDER = "headwater.placeholder"
"""Option of a stream that stands for a table or a view of the pipeline."""

CHANGE_FEED = (
    StructField("_change_type", StringType()),
    StructField("_commit_version", LongType()),
    StructField("_commit_timestamp", TimestampType()),
)
"""What the change feed of a table has beside the table's columns."""

_LENGTH = "__CHAR_VARCHAR_TYPE_STRING"
"""Metadata by which Spark and Delta know that a STRING column is a CHAR or VARCHAR."""


def placeholder(spark: SparkSession, schema: StructType, streaming: bool) -> DataFrame:
    """Make an empty frame with the columns of `schema`; only for analysis, never run."""
    columns = [
        F.lit(None)
        .cast(stored_type(column.dataType))
        .alias(column.name, metadata=_metadata(column))
        for column in schema
    ]
    stream = spark.readStream.format("rate").option(PLACEHOLDER, "true")
    base = stream.load() if streaming else spark.range(0)
    with intercepted(None):
        return base.where(F.lit(False)).select(*columns)


def declared_schema(dataset: Dataset) -> StructType:
    """Parse the schema a dataset was declared with.

    Raises:
        DefinitionError: SCHEMA_INVALID; SCHEMA_NOT_BUILT for defaults.
    """
    if isinstance(dataset.schema, StructType):
        return dataset.schema
    text = _split(dataset).schema
    clause = _CLAUSES.search(_QUOTED.sub("''", text))
    try:
        return cast(StructType, StructType.fromDDL(text))
    except (PySparkException, ValueError) as error:
        if clause:
            raise DefinitionError(
                "SCHEMA_NOT_BUILT",
                f"{' '.join(clause[1].upper().split())} in the schema of '{dataset.name}' is not "
                "supported in Headwater",
                where=dataset.location,
                hint="Remove it here, or compute the column in the query.",
                dataset=str(dataset.name),
            ) from None
        raise DefinitionError(
            "SCHEMA_INVALID",
            f"The schema of '{dataset.name}' is not DDL: {explained(error)}",
            where=dataset.location,
            hint="Write it as in CREATE TABLE: 'id BIGINT, name STRING'.",
        ) from None


def access_rules(dataset: Dataset) -> list[str]:
    """Name what a workspace applies to readers of a dataset's table: a row filter, masks."""
    masks = ["MASK"] if _split(dataset).masked else []
    return [*(["row_filter"] if dataset.row_filter else []), *masks]


def _split(dataset: Dataset) -> SplitColumns:
    return split_columns(dataset.schema if isinstance(dataset.schema, str) else "")


def check_declared(
    dataset: Dataset,
    declared: StructType,
    schema: StructType,
    frames: Sequence[DataFrame],
    kinds: Collection[FlowKind | None],
) -> None:
    """Refuse queries that do not fit the columns that their dataset declares.

    Source: "Limitations" of pipelines, for generated and identity columns.

    Args:
        schema: the columns of all its queries together.
        kinds: how its flows write.

    Raises:
        DefinitionError: SCHEMA_MISMATCH, SCHEMA_INVALID, SCHEMA_NOT_BUILT.
    """
    known = {column.name.lower() for column in declared}
    unknown = [column.name for column in schema if column.name.lower() not in known]
    if unknown:
        raise DefinitionError(
            "SCHEMA_MISMATCH",
            f"The query of '{dataset.name}' returns columns that are not in its schema: "
            + ", ".join(unknown),
            where=dataset.location,
            hint="Add them to `schema`, or remove them from the query.",
            unknown=unknown,
        )
    is_changed = bool({FlowKind.CHANGE, FlowKind.SNAPSHOT} & set(kinds))
    if set(kinds) - {FlowKind.APPEND}:
        for name in identity_columns(dataset):
            raise _no_identity(dataset, name)
    check_identities(declared, frames, dataset)
    for frame in frames:
        _check_fits(frame, declared, dataset)
    rows = [placeholder(frames[0].sparkSession, schema, False)] if is_changed else frames
    for frame in rows:
        _check_generated(frame, dataset)
    if is_changed:
        _check_intervals(schema, declared, dataset)


def _no_identity(dataset: Dataset, name: str) -> DefinitionError:
    return DefinitionError(
        "SCHEMA_NOT_BUILT",
        f"Column '{name}' of '{dataset.name}' can't be GENERATED AS IDENTITY where rows are "
        "changed or replaced",
        where=dataset.location,
        hint="Declare it on a streaming table that append flows fill, or compute it in a query.",
        column=name,
    )


def generated_columns(dataset: Dataset, given: StructType) -> dict[str, Column]:
    """Return what `GENERATED ALWAYS AS` columns hold, of those that are not given.

    A target of AUTO CDC may compute them of `__START_AT` and `__END_AT`.
    """
    known = {column.name.lower() for column in given}
    found = _split(dataset).computed
    texts = {name: text for name, text in found.items() if name.lower() not in known}
    if not texts:
        return {}
    declared = declared_schema(dataset)
    return {
        name: F.expr(text).cast(stored_type(declared[name].dataType))
        for name, text in texts.items()
    }


def _check_generated(frame: DataFrame, dataset: Dataset) -> None:
    for name, column in generated_columns(dataset, frame.schema).items():
        try:
            frame.select(column)
        except (AnalysisException, ParseException) as error:
            raise DefinitionError(
                "SCHEMA_INVALID",
                f"Column '{name}' of '{dataset.name}' can't be generated: {explained(error)}",
                where=dataset.location,
                hint="Correct the expression: it may use the other columns of the table.",
                column=name,
            ) from None


def merge_schemas(left: StructType, right: StructType, flow: Flow, dataset: Dataset) -> StructType:
    """Join the columns of several flows into one target, by name.

    Raises:
        DefinitionError: FLOWS_TYPES_DIFFER.
    """
    known = {column.name.lower(): column for column in left}
    fields: list[StructField] = list(left)
    for column in right:
        first = known.get(column.name.lower())
        if first is None:
            fields.append(StructField(column.name, column.dataType, True, column.metadata))
        elif nullable(first.dataType) != nullable(column.dataType):
            raise DefinitionError(
                "FLOWS_TYPES_DIFFER",
                f"Flow '{flow.name}' returns '{column.name}' as {column.dataType.simpleString()}, "
                f"another flow into '{dataset.name}' as {first.dataType.simpleString()}",
                where=flow.location,
                hint="Cast one of them.",
                column=column.name,
            )
    return StructType(fields)


def check_layout(dataset: Dataset, schema: StructType) -> None:
    """Refuse to partition or cluster a table by columns that it doesn't have.

    Raises:
        DefinitionError: LAYOUT_COLUMN_UNKNOWN.
    """
    known = {column.name.lower() for column in schema}
    for argument in ("partition_cols", "cluster_by"):
        for name in getattr(dataset, argument):
            if not {name.lower(), name.split(".")[0].lower()} & known:
                raise DefinitionError(
                    "LAYOUT_COLUMN_UNKNOWN",
                    f"'{argument}' of '{dataset.name}' names '{name}', "
                    "which is not one of its columns",
                    where=dataset.location,
                    hint=nearest(name, schema.names) or f"Columns: {', '.join(schema.names[:20])}.",
                    column=name,
                    argument=argument,
                )


def with_layout_of(dataset: Dataset, schema: StructType) -> Dataset:
    """Return a dataset whose partitions and clustering spell columns as its schema does."""
    spelled = {column.name.lower(): column.name for column in schema}

    def as_stored(name: str) -> str:
        first, dot, rest = name.partition(".")
        return spelled.get(name.lower()) or spelled.get(first.lower(), first) + dot + rest

    return replace(
        dataset,
        partition_cols=tuple(map(as_stored, dataset.partition_cols)),
        cluster_by=tuple(map(as_stored, dataset.cluster_by)),
    )


def check_types(schema: StructType, flow: Flow) -> None:
    """Refuse columns of NULL alone, which no stream can write.

    Raises:
        DefinitionError: COLUMN_WITHOUT_TYPE.
    """
    for column in schema:
        if holds_null(column.dataType):
            raise DefinitionError(
                "COLUMN_WITHOUT_TYPE",
                f"Column '{column.name}' of flow '{flow.name}' is NULL, or holds NULL, without a "
                "type",
                where=flow.location,
                hint="Give it one: CAST(NULL AS STRING).",
                flow=flow.name,
                column=column.name,
            )


def check_columns(frame: DataFrame, flow: Flow) -> None:
    """Refuse two columns with the same name, which no table can have.

    Raises:
        DefinitionError: COLUMN_DUPLICATE.
    """
    counts = Counter(name.lower() for name in frame.columns)
    twice = [name for name in dict.fromkeys(frame.columns) if counts[name.lower()] > 1]
    if twice:
        raise DefinitionError(
            "COLUMN_DUPLICATE",
            f"The query of '{flow.target}' has several columns named '{twice[0].lower()}'",
            where=flow.location,
            hint="Rename or drop one of them; names are not case-sensitive.",
            dataset=str(flow.target),
            columns=twice,
        )


def _check_fits(frame: DataFrame, declared: StructType, dataset: Dataset) -> None:
    """Refuse a query whose values can't be stored in the declared types."""
    for column in declared:
        name, kind = _own(frame, column.name), stored_type(column.dataType)
        if name is None or frame.schema[name].dataType == kind:
            continue
        try:
            frame.select(F.col(quote(name)).cast(kind))
        except AnalysisException as error:
            raise DefinitionError(
                "SCHEMA_MISMATCH",
                f"Column '{column.name}' of '{dataset.name}' is declared as "
                f"{column.dataType.simpleString()}, which the query's "
                f"{frame.schema[name].dataType.simpleString()} can't be stored as",
                where=dataset.location,
                hint="Cast it in the query, or change the declared type.",
                column=column.name,
                condition=error.getCondition(),
            ) from None


def _check_intervals(schema: StructType, declared: StructType, dataset: Dataset) -> None:
    """Refuse declared types of `__START_AT` and the like that are not the sequence's."""
    kinds = {column.name: column.dataType for column in declared}
    for column in schema:
        if column.name in cdc.INTERVALS and kinds.get(column.name) != column.dataType:
            raise DefinitionError(
                "SCHEMA_MISMATCH",
                f"Column '{column.name}' of '{dataset.name}' is declared as "
                f"{kinds[column.name].simpleString()}, but the sequence is "
                f"{column.dataType.simpleString()}",
                where=dataset.location,
                hint="Declare both columns of the interval in the type of what orders the events.",
                column=column.name,
            )


def fitted(frame: DataFrame, dataset: Dataset) -> DataFrame:
    """Return a frame in the types, and for a materialized view all the columns, that are declared.

    Comments and lengths of CHAR and VARCHAR are in the columns' metadata.
    """
    if dataset.schema is None or dataset.is_view:
        return frame
    columns: list[Column] = []
    generated = generated_columns(dataset, frame.schema)
    for column in declared_schema(dataset):
        name, kind = _own(frame, column.name), stored_type(column.dataType)
        if name is None and column.name in generated:
            value = generated[column.name]
        elif name is None:
            if dataset.kind is not DatasetKind.MATERIALIZED_VIEW:
                continue
            value = F.lit(None).cast(kind)
        else:
            same = frame.schema[name].dataType == kind
            value = F.col(quote(name)) if same else F.col(quote(name)).cast(kind)
        columns.append(value.alias(column.name, metadata=_metadata(column)))
    return frame.select(*columns)


def stored_schema(
    schema: StructType, noted: Mapping[str, Mapping[str, object]] | None = None
) -> StructType:
    """Return the schema of a table with these columns, in which everything may be NULL.

    Args:
        noted: more metadata of columns, by their names.
    """
    fields = [
        StructField(
            each.name,
            stored_type(each.dataType),
            True,
            {**_metadata(each), **(noted or {}).get(each.name, {})},
        )
        for each in schema
    ]
    return StructType(fields).toNullable()


def _own(frame: DataFrame, name: str) -> str | None:
    return next((each for each in frame.columns if each.lower() == name.lower()), None)


def _metadata(column: StructField) -> dict[str, object]:
    metadata = dict(column.metadata or {})
    if isinstance(column.dataType, (CharType, VarcharType)):
        metadata[_LENGTH] = column.dataType.simpleString()
    return metadata
