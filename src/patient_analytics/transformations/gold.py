"""Gold: dimensions and the fact table."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


def surrogate_key(*columns: str) -> Column:
    """Make a stable key from the columns that identify something: 64 hex digits."""
    parts = [F.coalesce(F.col(name).cast("string"), F.lit("")) for name in columns]
    return F.sha2(F.concat_ws("\x1f", *parts), 256)


def patient_versions(silver: DataFrame) -> DataFrame:
    """Return what each event says about its patient.

    An event that comes several times is there several times: AUTO CDC takes it once, by its
    sequence, without remembering all events for ever as `dropDuplicates` on a stream would.

    Args:
        silver: checked events, possibly the same event several times.

    Returns:
        `patient_sk`, `patient_id`, `gender`, `age`, `department`, `hospital_id`, `bed_id`,
        `is_currently_admitted`, and `event_id`, `event_time` to order by.
    """
    return silver.select(
        surrogate_key("patient_id").alias("patient_sk"),
        "patient_id",
        "gender",
        "age",
        "department",
        "hospital_id",
        "bed_id",
        "is_currently_admitted",
        "event_id",
        "event_time",
    )


def department_states(silver: DataFrame) -> DataFrame:
    """Return what each event tells about its department.

    Returns:
        `department_sk`, `hospital_id`, `department`, `last_event_time`.
    """
    return silver.where("department IS NOT NULL AND hospital_id IS NOT NULL").select(
        surrogate_key("hospital_id", "department").alias("department_sk"),
        "hospital_id",
        "department",
        F.col("event_time").alias("last_event_time"),
    )


def admissions(silver: DataFrame, patients: DataFrame, departments: DataFrame) -> DataFrame:
    """Make one row per admission: its latest event, with the dimensions at admission.

    Args:
        silver: checked events; an admission is a patient and an admission time.
        patients: versions with `__START_AT`, `__END_AT`; NULL end is the current one.
        departments: one row per hospital and department.

    Returns:
        One row per `patient_id` and `admission_time`; `patient_sk` and `department_sk` are NULL
        for orphans, which a rule counts.
    """
    latest = Window.partitionBy("patient_id", "admission_time").orderBy(
        F.col("event_time").desc(), F.col("event_id").desc()
    )
    events = silver.withColumn("__rank", F.row_number().over(latest)).where("__rank = 1").alias("e")
    versions = patients.alias("p")
    at_admission = (
        (F.col("e.patient_id") == F.col("p.patient_id"))
        & (F.col("e.admission_time") >= F.col("p.__START_AT"))
        & (F.col("p.__END_AT").isNull() | (F.col("e.admission_time") < F.col("p.__END_AT")))
    )
    known = departments.alias("d")
    same_department = (F.col("e.hospital_id") == F.col("d.hospital_id")) & (
        F.col("e.department") == F.col("d.department")
    )
    return (
        events.join(versions, at_admission, "left")
        .join(F.broadcast(known), same_department, "left")
        .select(
            surrogate_key("e.patient_id", "e.admission_time").alias("admission_sk"),
            "p.patient_sk",
            "d.department_sk",
            "e.patient_id",
            "e.hospital_id",
            "e.department",
            F.col("p.department").alias("department_at_admission"),
            F.col("p.age").alias("age_at_admission"),
            "e.admission_time",
            "e.discharge_time",
            "e.admission_date",
            "e.shift",
            "e.is_weekend",
            "e.length_of_stay_hours",
            "e.is_currently_admitted",
        )
    )
