"""Land simulated events with a known mix of faults, and write down what is in them."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.errors import UsageError
from headwater.tasks.files import save
from patient_analytics.anomalies import Anomalies
from patient_analytics.simulator import Message, Simulation, messages
from patient_analytics.tasks.parameters import EVENTS, LANDING, RUN, TARGET

PARAMETERS = (LANDING, EVENTS, RUN, TARGET)

FAULTS = Anomalies(dirty_age=0.02, future_admission=0.01, missing_key=0.01, department_typo=0.02)
"""Faults that rules count one by one: none of them spoils an event for two rules."""

TRUTH = "_truth"
"""Folder beside the events; Auto Loader passes over names that begin with an underscore."""

COLUMNS = pa.schema(
    [
        (name, pa.int64() if name == "age" else pa.string())
        for name in (
            "event_id",
            "patient_id",
            "gender",
            "age",
            "department",
            "admission_time",
            "discharge_time",
            "bed_id",
            "hospital_id",
            "event_time",
        )
    ]
)
"""Of the files: those of the contract of the topic."""

_FILES = 4


def simulate_events(spark: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Write events of a run as Parquet files, and their true counts as `_truth/<run>.json`.

    A run that has landed its events lands no others; one that was killed before it had written the
    truth writes the same files again.

    Raises:
        UsageError: TARGET_REFUSED, in production.
    """
    del spark
    if parameters["target"] == "prod":
        raise UsageError(
            "TARGET_REFUSED",
            "Simulated events are not sent to production",
            hint="Run the job in the target test or dev.",
        )
    folder, run = parameters["landing_path"], parameters["run_id"]
    truth = truth_file(folder, run)
    if os.path.exists(truth):  # noqa: PTH110 - a volume, which `os` finds everywhere
        return {**read_truth(folder, run), "landed": False}
    sent = list(itertools.islice(messages(_simulation(run)), int(parameters["events"])))
    size = -(-len(sent) // _FILES)
    for number in range(_FILES):
        _write(
            sent[number * size : (number + 1) * size], f"{folder}/simulated-{run}-{number}.parquet"
        )
    counts = {"events": len(sent), **Counter(kind for each in sent for kind in each.kinds)}
    save(json.dumps(counts).encode(), truth)
    return {**counts, "landed": True}


def truth_file(folder: str, run: str) -> str:
    """Name the file that tells what is in the events of a run."""
    return f"{folder}/{TRUTH}/{run}.json"


def read_truth(folder: str, run: str) -> dict[str, int]:
    """Read how many events a run has landed, and how many of each kind.

    Raises:
        UsageError: TRUTH_MISSING.
    """
    path = truth_file(folder, run)
    if not os.path.exists(path):  # noqa: PTH110
        raise UsageError(
            "TRUTH_MISSING",
            f"No events of run {run} have landed",
            hint="Run the task that simulates them first, in the same job run.",
        )
    with open(path) as file:  # noqa: PTH123
        return dict(json.load(file))


def _simulation(run: str) -> Simulation:
    """Give each run a history and ids of events of its own."""
    seed = int.from_bytes(hashlib.sha256(run.encode()).digest()[:6], "big")
    return Simulation(seed=seed, anomalies=FAULTS)


def _write(sent: Iterable[Message], path: str) -> None:
    rows = [json.loads(each.value) for each in sent]
    if not rows:
        return
    table = pa.Table.from_pylist(rows, schema=COLUMNS)  # a file may have no discharge at all
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer)
    save(buffer.getvalue(), path)
