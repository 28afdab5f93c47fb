"""Rules on fields: what the tables of fields do not know, and values of another type."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.bundle.shapes import faults
from headwater.bundle_check.common_fields import SECTIONS
from headwater.bundle_check.resource_fields import RESOURCES
from headwater.bundle_check.seen import Seen
from headwater.errors import BundleError
from headwater.finding import Finding, Severity

_WARNINGS = frozenset({"BUNDLE_KEY_UNKNOWN", "BUNDLE_VALUE_WRONG"})


def known_fields(seen: Seen) -> Iterator[Finding]:
    """Find fields that the reference does not have, and values of another type than it has."""
    for kind, shape in RESOURCES.items():
        for key, node in seen.resources(kind).items():
            for fault in faults(node, shape, f"resources.{kind}.{key}"):
                yield Finding.of(fault, severity_of(fault))
    for name, shape in SECTIONS.items():
        section = seen.declared.get(name)
        for fault in faults(section, shape, name) if section else ():
            # a block to merge from, under the name that it has where it is merged
            is_whole = fault.parameters.get("key") == name
            is_helper = is_whole and section is not None and section.get(name) is not None
            yield Finding.of(fault, "warning" if is_helper else severity_of(fault))


def severity_of(error: BundleError) -> Severity:
    """Return how the Databricks CLI takes a fault.

    A key or value that it does not know, and a reference whose first word it does not know, are
    passed over with a warning or as text; `include` in an included file is not.
    """
    is_unknown = error.code in _WARNINGS and error.parameters.get("key") != "include"
    is_text = error.code == "REFERENCE_UNKNOWN" and "known" not in error.parameters
    return "warning" if is_unknown or is_text else "error"
