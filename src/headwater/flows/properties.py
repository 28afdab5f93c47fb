"""What of a dataset's `table_properties` counts here, and what of it a table still lacks."""

from __future__ import annotations

from deltalake import DeltaTable
from pyspark.sql.types import StructType

from headwater.analysis.identities import identity_columns
from headwater.graph.model import Dataset

NO_EFFECT = frozenset(
    {
        "delta.feature.catalogmanaged",
        "delta.targetfilesize",
        "delta.tunefilesizesforrewrites",
    }
)
"""Properties of Databricks that Delta does not know, or not for tables in folders; accepted
without effect."""

_FEATURE = "delta.feature."
_WRITER = "delta.minwriterversion"
_VERSIONS = ("delta.minreaderversion", _WRITER)
_FEATURES_OF_VERSION = {
    2: ("appendonly", "invariants"),
    3: ("checkconstraints",),
    4: ("changedatafeed", "generatedcolumns"),
    5: ("columnmapping",),
    6: ("identitycolumns",),
}
"""Features that a version of the writer brought, before features had names: Delta's protocol."""


def table_properties(dataset: Dataset) -> dict[str, str]:
    """Return the properties that a dataset declares and that have an effect."""
    given = dataset.table_properties.items()
    return {key: value for key, value in given if key.lower() not in NO_EFFECT}


def lacking_properties(dataset: Dataset, table: DeltaTable) -> dict[str, str]:
    """Return the properties that a dataset declares and its table does not have.

    Delta keeps features and versions in the protocol of a table, and there only what it needs:
    the lowest versions that have the features.
    """
    given = table_properties(dataset)
    present = {_spelled(key): value for key, value in table.metadata().configuration.items()}
    known = _features(table)
    versions = [value for key, value in given.items() if key.lower() == _WRITER]
    has_version = all(_brought(value) <= known for value in versions)

    def is_there(key: str, value: str) -> bool:
        if key in _VERSIONS:
            return has_version
        if key.startswith(_FEATURE):
            return key.removeprefix(_FEATURE) in known
        return present.get(key) == value

    return {key: value for key, value in given.items() if not is_there(_spelled(key), value)}


def _brought(version: str) -> set[str]:
    """Name the features that come with a version of the writer; from 7 on, they come by name."""
    number = int(version) if version.isdecimal() else 0
    if number > max(_FEATURES_OF_VERSION):
        return set()
    return {each for one in range(number + 1) for each in _FEATURES_OF_VERSION.get(one, ())}


def _features(table: DeltaTable) -> set[str]:
    """Name the features of a table, in small letters."""
    protocol = table.protocol()
    if protocol.writer_features is None:
        return _brought(str(protocol.min_writer_version))
    return {each.lower() for each in protocol.writer_features}


def _spelled(key: str) -> str:
    """Return a key as keys compare: Delta has a spelling of its own for its properties."""
    return key.lower() if key.lower().startswith("delta.") else key


def may_widen(dataset: Dataset, table: DeltaTable) -> bool:
    """Whether a table may be set to let types grow; Delta then knows which do."""
    keys = {*table_properties(dataset), *table.metadata().configuration}
    return "delta.enabletypewidening" in map(str.lower, keys)


def needs_spark(dataset: Dataset, schema: StructType) -> bool:
    """Whether a table needs a feature with which only Spark can make it."""
    special = any(key.lower().startswith("delta.") for key in table_properties(dataset))
    names = any(char in column.name for column in schema for char in " ,;{}()\n\t=")
    exotic = any(each in schema.json() for each in ('"variant"', '"void"', "interval", "char("))
    is_special = special or names or exotic or bool(identity_columns(dataset))
    return is_special or bool(dataset.cluster_by)
