"""What of a dataset's `table_properties` counts here, and what of it a table still lacks."""

from __future__ import annotations

from deltalake import DeltaTable

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
_VERSIONS = {"delta.minreaderversion": 0, "delta.minwriterversion": 1}
"""Properties that Delta keeps in the protocol of a table, and their place in its versions."""

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
    """Return the properties that a dataset declares and its table does not have."""
    present = table.metadata().configuration
    return {
        key: value
        for key, value in table_properties(dataset).items()
        if present.get(key) != value and not _is_in_protocol(key.lower(), value, table)
    }


def _is_in_protocol(key: str, value: str, table: DeltaTable) -> bool:
    protocol = table.protocol()
    if key in _VERSIONS:
        version = (protocol.min_reader_version, protocol.min_writer_version)[_VERSIONS[key]]
        return value.isdecimal() and version >= int(value)
    if not key.startswith(_FEATURE):
        return False
    known = {each.lower() for each in protocol.writer_features or ()}
    if protocol.writer_features is None:
        versions = range(protocol.min_writer_version + 1)
        known.update(*(_FEATURES_OF_VERSION.get(each, ()) for each in versions))
    return key.removeprefix(_FEATURE) in known
