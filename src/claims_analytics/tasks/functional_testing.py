"""Make claims with known faults, run the facts over them, and hold their rules to the truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from claims_analytics.bronze import run_id_of, with_run_columns
from claims_analytics.generator import Options, generate
from claims_analytics.silver.facts import FACTS, Fact
from claims_analytics.sources import SOURCES
from claims_analytics.tasks.delivery import Landed
from claims_analytics.tasks.ingest import read_landed
from claims_analytics.tasks.parameters import PATIENTS, RUN, TESTING
from claims_analytics.tasks.staging import broken_counts, broken_rules
from headwater.errors import UpdateError
from headwater.tasks.files import save

PARAMETERS = (TESTING, RUN, PATIENTS)

_SHARED = ("medications_silver", "payer_matches_enrolment")


def run_functional_test(spark: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Generate the files of a run, make the four facts, and write them as Parquet.

    All that a run makes is below `<testing_path>/<run_id>`: `landing`, `<fact>.parquet`, and
    `result.json` with the counts. The same run makes the same files again.

    Raises:
        UpdateError: FUNCTIONAL_TEST_FAILED, with each rule that did not count what was put in.
    """
    folder = f"{parameters['testing_path']}/{parameters['run_id']}"
    seed = sum(parameters["run_id"].encode())
    options = Options(patients=int(parameters["patients"]), seed=seed, anomalies=True)
    truth = generate(options, Path(folder) / "landing").counts
    run = run_id_of(datetime.now(timezone.utc), parameters["run_id"])
    files = [Landed(source, f"{folder}/landing/{name}.csv") for name, source in SOURCES.items()]
    bronze = {file.source.name: with_run_columns(read_landed(spark, file), run) for file in files}
    counted = {fact.table: _count(spark, fact, bronze, folder) for fact in FACTS}
    wrong = [
        f"{table}.{rule}: {count} counted, {truth[_made_as(table, rule)]} made"
        for table, counts in counted.items()
        for rule, count in counts.items()
        if truth.get(_made_as(table, rule), count) != count
    ]
    result = {"counted": counted, "made": truth}
    save(json.dumps(result).encode(), f"{folder}/result.json")
    if wrong:
        raise UpdateError(
            "FUNCTIONAL_TEST_FAILED",
            "; ".join(wrong),
            hint=f"Look at {folder}: files, facts and counts are there.",
        )
    return {"facts": len(counted), "rules": sum(map(len, counted.values()))}


def _count(spark: Any, fact: Fact, bronze: Mapping[str, DataFrame], folder: str) -> dict[str, int]:
    """Write a fact with the names of the rules that its rows break; count each rule."""
    path = f"{folder}/{fact.name}.parquet"
    rows = fact.rows({name: bronze[name] for name in fact.reads}, F.current_timestamp())
    broken = broken_rules(fact.rules).alias("broken_rules")
    rows.select(*fact.columns, broken).write.mode("overwrite").parquet(path)
    return broken_counts(spark.read.parquet(path), fact.rules, "broken_rules")


def _made_as(table: str, rule: str) -> str:
    """Name what the generator counts for a rule; the two facts that share a name differ."""
    return f"medication_{rule}" if (table, rule) == _SHARED else rule
