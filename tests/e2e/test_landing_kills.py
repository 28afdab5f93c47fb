"""Landing from a real broker, killed at random moments: each offset ends up in exactly one file."""

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

EVENTS = 100_000
KILLS = 50
LONGEST_LIFE_SECONDS = 0.5


def test_killed_at_random_moments_each_offset_is_in_one_file(tmp_path: Path) -> None:
    dice = random.Random(20_261_121)  # noqa: S311 - no secrets
    sink = tmp_path / "sink"
    with kafka_broker(tmp_path / "kafka") as broker:
        make_topic(broker, "patient_events")
        sending = start_sending(broker.bootstrap_servers, "patient_events", EVENTS)
        job = Job(broker.bootstrap_servers, "patient_events", str(sink), member="one")
        for _ in range(KILLS):
            landing, assigned = start_landing(job)
            if dice.random() < 0.9:  # the others die while they join
                assert assigned.wait(30)
            landing.join(dice.uniform(0, LONGEST_LIFE_SECONDS))
            assert landing.is_alive()
            landing.kill()
            landing.join()
        sending.join()
        held = held_by(broker, "patient_events")
        assert (sending.exitcode, sum(held.values())) == (0, EVENTS)
        landed_while_killed = len(Landed(sink).files)
        done = headwater(
            "land", "--once", "--topic", "patient_events", "--sink", str(sink), "--member", "one",
            "--bootstrap-servers", broker.bootstrap_servers, "--contract", str(CONTRACT),
            "--group", "landing", folder=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert landed_while_killed > KILLS
    landed = Landed(sink)
    landed.check(held)
    assert len(landed.rejected) == bad_among(EVENTS)
