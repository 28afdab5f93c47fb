"""Two consumers of one group, partitions going to and fro, and a broker that goes away."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from command import headwater
from headwater.dev.kafka import kafka_broker
from landing_processes import (
    CONTRACT,
    Job,
    bad_among,
    held_by,
    make_topic,
    start_landing,
    start_sending,
)
from landing_support import Landed

pytestmark = pytest.mark.servers

EVENTS = 30_000
REBALANCES = 6


def test_rebalances_and_broker_restarts_leave_each_offset_in_one_file(tmp_path: Path) -> None:
    dice = random.Random(77)  # noqa: S311 - no secrets
    sink = tmp_path / "sink"
    with kafka_broker(tmp_path / "kafka") as broker:
        make_topic(broker, "patient_events")
        sending = start_sending(broker.bootstrap_servers, "patient_events", EVENTS)
        jobs = [
            Job(broker.bootstrap_servers, "patient_events", str(sink), member=None, max_rows=size)
            for size in (300, 450)
        ]
        running = [start_landing(job) for job in jobs]
        for number in range(REBALANCES):
            for _, assigned in running:
                assert assigned.wait(60)
            if number in (2, 5):
                (broker.kill if number == 2 else broker.stop)()
                broker.restart()
            leaving = number % 2
            process, _ = running[leaving]
            process.join(dice.uniform(0, 0.7))
            process.terminate()  # leaves the group in order, so that the other takes over at once
            process.join(20)
            assert process.exitcode == 0
            running[leaving] = start_landing(jobs[leaving])
        sending.join()
        for process, _ in running:
            process.terminate()
            process.join(20)
        held = held_by(broker, "patient_events")
        done = headwater(
            "land", "--once", "--topic", "patient_events", "--sink", str(sink),
            "--bootstrap-servers", broker.bootstrap_servers, "--contract", str(CONTRACT),
            folder=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    landed = Landed(sink)
    landed.check(held)
    assert sum(held.values()) == EVENTS
    assert len(landed.rejected) == bad_among(EVENTS)
