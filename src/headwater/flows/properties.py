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
    present = {_spelled(key): value for key, value in table.metadata().configuration.items()}
    known = _features(table)
    wanted = {_spelled(key): value for key, value in table_properties(dataset).items()}
    version = int(wanted[_WRITER]) if wanted.get(_WRITER, "").isdecimal() else 0
    brings = {each for one in range(version + 1) for each in _FEATURES_OF_VERSION.get(one, ())}
    has_version = version > max(_FEATURES_OF_VERSION) or brings <= known
    lacking = {}
    for key, value in table_properties(dataset).items():
        low = key.lower()
        if low in _VERSIONS:
            is_there = has_version
        elif low.startswith(_FEATURE):
            is_there = low.removeprefix(_FEATURE) in known
        else:
            is_there = present.get(_spelled(key)) == value
        if not is_there:
            lacking[key] = value
    return lacking


def _features(table: DeltaTable) -> set[str]:
    """Name the features of a table, in small letters."""
    protocol = table.protocol()
    known = {each.lower() for each in protocol.writer_features or ()}
    if protocol.writer_features is None:
        for version in range(protocol.min_writer_version + 1):
            known.update(_FEATURES_OF_VERSION.get(version, ()))
    return known


def _spelled(key: str) -> str:
    """Return a key as keys compare: Delta has a spelling of its own for its properties."""
    return key.lower() if key.lower().startswith("delta.") else key
