"""What a visit to a practice or hospital consists of.

What does not live here: which visits a person makes (`histories`), what they cost whom (`ledger`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from claims_analytics.generator.codes import Code, Drug, Kind, Procedure
from claims_analytics.generator.coverage import Span


@dataclass(slots=True)
class Prescription:
    """A drug that is prescribed; `stop` is None while it is open, and then nothing is charged."""

    drug: Drug
    reason: Code | None
    cents: int
    fills: int
    start: int
    stop: int | None


@dataclass(slots=True)
class Performed:
    """A procedure with its list price and its charge, both in cents."""

    procedure: Procedure
    reason: Code | None
    cents: int
    charge: int
    start: int


@dataclass(slots=True)
class Condition:
    """A condition or finding that is found at a visit."""

    code: Code
    stop: int | None


@dataclass(slots=True)
class Plan:
    """A care plan, with or without a reason and an end."""

    code: Code
    reason: Code | None = None
    stop: int | None = None


@dataclass(slots=True)
class Visit:
    """A visit and all that is done at it.

    Attributes:
        span: the insurance at that time; None before the first enrolment.
        diagnoses: codes for the claims, the first one leading.
        is_exported: its procedures, immunizations and observations are in the files.
    """

    id: str
    kind: Kind
    start: int
    stop: int
    place: int
    span: Span | None
    is_exported: bool
    reason: Code | None = None
    conditions: list[Condition] = field(default_factory=list)
    diagnoses: list[str] = field(default_factory=list)
    drugs: list[Prescription] = field(default_factory=list)
    procedures: list[Performed] = field(default_factory=list)
    shots: list[Code] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    allergies: list[str] = field(default_factory=list)
    has_stent: bool = False
