"""The rules of the domain, as expectations: a row passes only when the condition IS TRUE."""

DEPARTMENTS = (
    "Emergency",
    "Surgery",
    "ICU",
    "Pediatrics",
    "Maternity",
    "Oncology",
    "Cardiology",
)
"""Departments that a hospital may have."""

_KNOWN = ", ".join(f"'{name}'" for name in DEPARTMENTS)

WATCHED = {
    "known_department": f"department IN ({_KNOWN})",
    "bed_present": "bed_id IS NOT NULL",
}
"""Counted, kept."""

DROPPED = {
    "event_id_present": "event_id IS NOT NULL",
    "patient_id_present": "patient_id IS NOT NULL",
    "event_time_readable": "event_time IS NOT NULL",
    "valid_age": "age BETWEEN 0 AND 100",
    "admission_readable": "admission_time IS NOT NULL",
    "admission_not_in_future": "admission_time <= bronze_ingestion_ts",
    "discharge_readable": "discharge_readable",
    "discharge_after_admission": "discharge_time IS NULL OR discharge_time >= admission_time",
}
"""Counted, dropped."""

REQUIRED = {
    "ingestion_time_present": "bronze_ingestion_ts IS NOT NULL",
    "source_file_present": "source_file IS NOT NULL",
}
"""What bronze itself must guarantee: without it the update fails."""

FACT_RULES = {
    "patient_version_found": "patient_sk IS NOT NULL",
    "department_found": "department_sk IS NOT NULL",
    "stay_not_negative": "length_of_stay_hours IS NULL OR length_of_stay_hours >= 0",
}
"""Counted on the fact table: orphans and negative stays."""
