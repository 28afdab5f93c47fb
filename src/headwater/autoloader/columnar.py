"""Read files that name and type their columns themselves, all under one schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql.types import StructField, StructType

from headwater.autoloader.plan import StreamPlan, named
from headwater.autoloader.rescue import fragment, split


def columnar_frame(
    plan: StreamPlan,
    kind: str,
    reserved: Sequence[StructField] = (),
    original: Callable[[str], str] = str,
) -> DataFrame:
    """Build the stream; what the schema lacks, or can't hold, is rescued.

    Args:
        kind: Spark's name of the format.
        reserved: columns of copies that hold what clashes with the schema.
        original: returns the name that such a column had.
    """
    wide = plan.wide if plan.options.rescues_new else plan.schema.data
    read = StructType([*wide.fields, *reserved])
    frame = plan.read(kind, read, plan.options.reader)
    columns, fragments = [], []
    for each in plan.schema.data:
        part = split(named(each.name), wide[each.name].dataType, each.dataType)
        columns.append(part.kept.alias(each.name))
        if part.rescued is not None:
            fragments.append(fragment(each.name, part.rescued, part.present))
    own = set(plan.schema.data.fieldNames())
    fragments += [fragment(each.name, named(each.name)) for each in wide if each.name not in own]
    fragments += [fragment(original(each.name), named(each.name)) for each in reserved]
    return plan.finish(frame, columns, fragments)
