"""Rules on fields: what the tables of fields do not know, and values of another type."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.bundle.shapes import faults
from headwater.bundle_check.common_fields import SECTIONS
from headwater.bundle_check.resource_fields import RESOURCES
from headwater.bundle_check.seen import Seen
from headwater.finding import Finding, Severity

_WARNINGS = frozenset({"BUNDLE_KEY_UNKNOWN", "BUNDLE_VALUE_WRONG"})
"""What the Databricks CLI passes over with a warning."""


def known_fields(seen: Seen) -> Iterator[Finding]:
    """Find fields that the reference does not have, and values of another type than it has."""
    for kind, shape in RESOURCES.items():
        for key, node in seen.resources(kind).items():
            for fault in faults(node, shape, f"resources.{kind}.{key}"):
                yield Finding.of(fault, _severity(fault.code))
    for name, shape in SECTIONS.items():
        section = seen.declared.get(name)
        for fault in faults(section, shape, name) if section else ():
            yield Finding.of(fault, _severity(fault.code))


def _severity(code: str) -> Severity:
    return "warning" if code in _WARNINGS else "error"
