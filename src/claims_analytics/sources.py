"""The 18 files of Synthea: their columns, their keys, and the names that other versions use.

Bronze keeps what a file says, as text. What the text means is the business of silver.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of file.

    Attributes:
        name: of the file without its ending; the table is `bronze_<name>`.
        key: the columns that say which rows mean the same thing. A single one is an id: of rows
            with one id, one is current. Several are a natural key: the rows of one file with one
            key are current together.
        columns: in the order of the header.
        newer: columns that only newer versions of Synthea have.
        renamed: name in other versions of Synthea -> the column that it is.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    newer: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """Name of the bronze table, without its schema."""
        return f"bronze_{self.name}"


def _source(name: str, key: str, columns: str, newer: str = "", **renamed: str) -> Source:
    texts = (key, columns, newer)
    keys, own, later = (tuple(text.split()) for text in texts)
    return Source(name, keys, own, MappingProxyType(renamed), later)


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        source.name: source
        for source in (
            _source(
                "allergies",
                "PATIENT CODE",
                "START STOP PATIENT ENCOUNTER CODE SYSTEM DESCRIPTION TYPE CATEGORY REACTION1"
                " DESCRIPTION1 SEVERITY1 REACTION2 DESCRIPTION2 SEVERITY2",
            ),
            _source(
                "careplans",
                "Id",
                "Id START STOP PATIENT ENCOUNTER CODE DESCRIPTION REASONCODE REASONDESCRIPTION",
            ),
            _source(
                "claims",
                "Id",
                "Id PATIENTID PROVIDERID PRIMARYPATIENTINSURANCEID SECONDARYPATIENTINSURANCEID"
                " DEPARTMENTID PATIENTDEPARTMENTID DIAGNOSIS1 DIAGNOSIS2 DIAGNOSIS3 DIAGNOSIS4"
                " DIAGNOSIS5 DIAGNOSIS6 DIAGNOSIS7 DIAGNOSIS8 REFERRINGPROVIDERID APPOINTMENTID"
                " CURRENTILLNESSDATE SERVICEDATE SUPERVISINGPROVIDERID STATUS1 STATUS2 STATUSP"
                " OUTSTANDING1 OUTSTANDING2 OUTSTANDINGP LASTBILLEDDATE1 LASTBILLEDDATE2"
                " LASTBILLEDDATEP HEALTHCARECLAIMTYPEID1 HEALTHCARECLAIMTYPEID2",
            ),
            _source(
                "claims_transactions",
                "ID",
                "ID CLAIMID CHARGEID PATIENTID TYPE AMOUNT METHOD FROMDATE TODATE PLACEOFSERVICE"
                " PROCEDURECODE MODIFIER1 MODIFIER2 DIAGNOSISREF1 DIAGNOSISREF2 DIAGNOSISREF3"
                " DIAGNOSISREF4 UNITS DEPARTMENTID NOTES UNITAMOUNT TRANSFEROUTID TRANSFERTYPE"
                " PAYMENTS ADJUSTMENTS TRANSFERS OUTSTANDING APPOINTMENTID LINENOTE"
                " PATIENTINSURANCEID FEESCHEDULEID PROVIDERID SUPERVISINGPROVIDERID",
            ),
            _source(
                "conditions",
                "PATIENT ENCOUNTER CODE START",
                "START STOP PATIENT ENCOUNTER CODE DESCRIPTION",
            ),
            _source("devices", "UDI", "START STOP PATIENT ENCOUNTER CODE DESCRIPTION UDI"),
            _source(
                "encounters",
                "Id",
                "Id START STOP PATIENT ORGANIZATION PROVIDER PAYER ENCOUNTERCLASS CODE DESCRIPTION"
                " BASE_ENCOUNTER_COST TOTAL_CLAIM_COST PAYER_COVERAGE REASONCODE REASONDESCRIPTION",
            ),
            _source(
                "imaging_studies",
                "INSTANCE_UID",
                "Id DATE PATIENT ENCOUNTER SERIES_UID BODYSITE_CODE BODYSITE_DESCRIPTION"
                " MODALITY_CODE MODALITY_DESCRIPTION INSTANCE_UID SOP_CODE SOP_DESCRIPTION"
                " PROCEDURE_CODE",
            ),
            _source(
                "immunizations",
                "PATIENT ENCOUNTER CODE DATE",
                "DATE PATIENT ENCOUNTER CODE DESCRIPTION BASE_COST",
                COST="BASE_COST",
            ),
            _source(
                "medications",
                "PATIENT ENCOUNTER CODE START",
                "START STOP PATIENT PAYER ENCOUNTER CODE DESCRIPTION BASE_COST PAYER_COVERAGE"
                " DISPENSES TOTALCOST REASONCODE REASONDESCRIPTION",
                COST="BASE_COST",
            ),
            _source(
                "observations",
                "PATIENT CODE DATE",
                "DATE PATIENT ENCOUNTER CATEGORY CODE DESCRIPTION VALUE UNITS TYPE",
            ),
            _source(
                "organizations",
                "Id",
                "Id NAME ADDRESS CITY STATE ZIP LAT LON PHONE REVENUE UTILIZATION",
            ),
            _source(
                "patients",
                "Id",
                "Id BIRTHDATE DEATHDATE SSN DRIVERS PASSPORT PREFIX FIRST LAST SUFFIX MAIDEN"
                " MARITAL RACE ETHNICITY GENDER BIRTHPLACE ADDRESS CITY STATE COUNTY ZIP LAT LON"
                " HEALTHCARE_EXPENSES HEALTHCARE_COVERAGE",
            ),
            _source(
                "payer_transitions",
                "PATIENT START_YEAR PAYER",
                "PATIENT MEMBERID START_YEAR END_YEAR PAYER SECONDARY_PAYER OWNERSHIP OWNERNAME",
                START_DATE="START_YEAR",
                END_DATE="END_YEAR",
                PLAN_OWNERSHIP="OWNERSHIP",
                OWNER_NAME="OWNERNAME",
            ),
            _source(
                "payers",
                "Id",
                "Id NAME ADDRESS CITY STATE_HEADQUARTERED ZIP PHONE AMOUNT_COVERED"
                " AMOUNT_UNCOVERED REVENUE COVERED_ENCOUNTERS UNCOVERED_ENCOUNTERS"
                " COVERED_MEDICATIONS UNCOVERED_MEDICATIONS COVERED_PROCEDURES"
                " UNCOVERED_PROCEDURES COVERED_IMMUNIZATIONS UNCOVERED_IMMUNIZATIONS"
                " UNIQUE_CUSTOMERS QOLS_AVG MEMBER_MONTHS",
            ),
            _source(
                "procedures",
                "PATIENT ENCOUNTER CODE START",
                "START STOP PATIENT ENCOUNTER CODE DESCRIPTION BASE_COST REASONCODE"
                " REASONDESCRIPTION",
                newer="SYSTEM",
                COST="BASE_COST",
                DATE="START",
            ),
            _source(
                "providers",
                "Id",
                "Id ORGANIZATION NAME GENDER SPECIALITY ADDRESS CITY STATE ZIP LAT LON UTILIZATION",
                ENCOUNTERS="UTILIZATION",
            ),
            _source(
                "supplies",
                "PATIENT ENCOUNTER CODE DATE",
                "DATE PATIENT ENCOUNTER CODE DESCRIPTION QUANTITY",
            ),
        )
    }
)
"""By name of the file."""
