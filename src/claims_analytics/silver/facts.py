"""The four facts of silver, as one list: jobs and the pipeline load each in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pyspark.sql import Column, DataFrame

from claims_analytics import rules
from claims_analytics.silver import claims, encounters, medications, procedures, touched


class Making(Protocol):
    """Makes the rows of a fact."""

    def __call__(
        self, bronze: Mapping[str, DataFrame], updated_at: Column, keys: DataFrame | None = None
    ) -> DataFrame:
        """Make rows from bronze.

        Args:
            bronze: the tables that the fact reads.
            updated_at: when the rows are written.
            keys: what `Fact.touched` returned: its groups are made. None makes all.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fact:
    """A table of silver.

    Attributes:
        name: short, for views and parameters.
        table: name of the table.
        comment: what one row is.
        key: columns that are unique.
        reads: bronze tables, by the name of their file.
        columns: of the table, in order.
        rules: what its rows must keep.
        group: column of the rows that change together.
        touched: finds the keys of the groups that new rows of bronze change.
        rows: makes rows with `columns` and what the rules ask about.
    """

    name: str
    table: str
    comment: str
    key: tuple[str, ...]
    reads: Sequence[str]
    columns: Sequence[str]
    rules: rules.Rules
    group: str
    touched: touched.Touching
    rows: Making


CLAIMS = Fact(
    "claims",
    "claims_silver",
    "One row per transaction of a claim: the ledger of money",
    ("transaction_id",),
    claims.READS,
    claims.COLUMNS,
    rules.CLAIMS,
    "claim_id",
    touched.claims,
    claims.claim_lines,
)
ENCOUNTERS = Fact(
    "encounters",
    "patient_encounters_silver",
    "One row per encounter, list prices",
    ("encounter_id",),
    encounters.READS,
    encounters.COLUMNS,
    rules.ENCOUNTERS,
    "encounter_id",
    touched.encounters,
    encounters.encounters,
)
MEDICATIONS = Fact(
    "medications",
    "medications_silver",
    "One row per fill of a prescription, list prices",
    ("prescription_id", "fill_number"),
    medications.READS,
    medications.COLUMNS,
    rules.MEDICATIONS,
    "prescription_id",
    touched.by_natural_key("medications", "prescription_id"),
    medications.fills,
)
PROCEDURES = Fact(
    "procedures",
    "procedures_silver",
    "One row per procedure, list prices",
    ("procedure_id",),
    procedures.READS,
    procedures.COLUMNS,
    rules.PROCEDURES,
    "procedure_id",
    touched.by_natural_key("procedures", "procedure_id"),
    procedures.procedures,
)

FACTS = (CLAIMS, ENCOUNTERS, MEDICATIONS, PROCEDURES)
