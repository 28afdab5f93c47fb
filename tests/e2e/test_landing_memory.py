"""A backlog of events of 1 KB is landed in bounded memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from command import HEADWATER, environment
from headwater.dev.kafka import kafka_broker
from landing_processes import CONTRACT, held_by, make_topic, start_sending
from landing_support import Landed

pytestmark = pytest.mark.servers

BACKLOG = 200_000
EVENT_BYTES = 1_000
BOUND_BYTES = 512 * 1024**2


def test_backlog_is_landed_within_the_bound(tmp_path: Path) -> None:
    with kafka_broker(tmp_path / "kafka") as broker:
        make_topic(broker, "patient_events")
        share = [BACKLOG // 2, BACKLOG - BACKLOG // 2]
        sending = [
            start_sending(broker.bootstrap_servers, "patient_events", count, EVENT_BYTES)
            for count in share
        ]
        for process in sending:
            process.join()
        landing = subprocess.Popen(
            [
                HEADWATER, "land", "--once", "--sink", str(tmp_path / "sink"),
                "--topic", "patient_events", "--bootstrap-servers", broker.bootstrap_servers,
                "--contract", str(CONTRACT), "--max-rows", "1000000",
            ],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, usage = os.wait4(landing.pid, 0)
        landing.returncode = os.waitstatus_to_exitcode(status)
        held = held_by(broker, "patient_events")
    assert (landing.returncode, sum(held.values())) == (0, BACKLOG)
    assert usage.ru_maxrss * 1024 < BOUND_BYTES
    Landed(tmp_path / "sink").check(held)
