"""The patient flow pipeline from its bundle: two batches of events, from the landing to gold."""

from __future__ import annotations

from typing import Any

from headwater.testing.pipeline import Pipeline

ADMITTED = {
    "event_id": "e1",
    "patient_id": "p1",
    "gender": "f",
    "age": 30,
    "department": "ICU",
    "admission_time": "2026-01-01T00:00:00",
    "bed_id": "b1",
    "hospital_id": "h1",
    "event_time": "2026-01-01T00:00:00",
}
COLUMNS = ", ".join(f"{name} {'INT' if name == 'age' else 'STRING'}" for name in ADMITTED)
MOVED = {"event_id": "e2", "department": "Surgery", "event_time": "2026-01-02T00:00:00"}
LEFT = {
    "event_id": "e3",
    "discharge_time": "2026-01-03T12:00:00",
    "event_time": "2026-01-03T12:00:00",
}


def event(**changes: Any) -> dict[str, Any]:
    return {**ADMITTED, **changes}


def test_patient_flow_keeps_history_and_sets_bad_events_aside(pipeline: Pipeline) -> None:
    pipeline.from_bundle(".", "patient_flow", target="test")
    landing = pipeline.source(
        "/Volumes/test/bronze/landing/patient_events",
        format="parquet",
        schema=f"{COLUMNS}, discharge_time STRING",
    )
    pipeline.freeze("2026-02-01T00:00:00")
    late = event(event_id="e8", admission_time="2026-03-01T00:00:00")
    garbled = event(event_id="e7", discharge_time="soon")
    landing.send([event(), event(event_id="e9", age=150), late, garbled])
    pipeline.run()
    assert pipeline.flow("silver.patient_events").rows_dropped == 3
    assert pipeline.expectation("silver.patient_events", "valid_age").failed_records == 1
    in_future = pipeline.expectation("silver.patient_events", "admission_not_in_future")
    assert in_future.failed_records == 1
    landing.send([event(**MOVED), event(**{**MOVED, **LEFT})])
    pipeline.run()
    assert pipeline.table("bronze.patient_events").count() == 6
    pipeline.table("gold.dim_patient").assert_rows(
        [
            {"department": "ICU", "__START_AT": "2026-01-01", "__END_AT": "2026-01-02"},
            {"department": "Surgery", "__START_AT": "2026-01-02", "__END_AT": "2026-01-03T12:00"},
            {"department": "Surgery", "__START_AT": "2026-01-03T12:00", "__END_AT": None},
        ]
    )
    pipeline.table("gold.dim_department").assert_rows(
        [{"department": "ICU"}, {"department": "Surgery"}]
    )
    pipeline.table("gold.fact_admissions").assert_rows(
        [{"department_at_admission": "ICU", "length_of_stay_hours": 60.0, "age_at_admission": 30}]
    )
