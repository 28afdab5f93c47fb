"""The simulator against a real broker, plain and as Event Hubs; what it says when it can't send."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from command import refused
from dev_clients import event_hubs, plain, receive
from headwater.dev.kafka import Broker, kafka_broker

pytestmark = pytest.mark.servers

SCRIPT = Path(__file__).parents[2] / "scratch" / "realtime-kafka-simulator.py"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def options(broker: Broker, listener: str) -> tuple[list[str], dict[str, str], dict[str, Any]]:
    """Arguments and variables of the simulator, and settings of a client, for a listener."""
    facts = broker.setup.facts
    if listener == "plain":
        return ["--bootstrap-servers", broker.bootstrap_servers], {}, plain(facts)
    variables = {
        "EVENTHUBS_NAMESPACE": broker.sasl_bootstrap_servers,
        "EVENT_HUB_NAME": "unused",
        "CONNECTION_STRING": broker.connection_string,
    }
    return ["--ca-file", str(broker.ca_file)], variables, event_hubs(facts)


def start(*arguments: str, folder: Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    with start(*arguments, folder=folder, **variables) as process:
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def parses(value: bytes) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("listener", ["plain", "event_hubs"])
def test_all_that_is_counted_arrives(broker: Broker, tmp_path: Path, listener: str) -> None:
    arguments, variables, client = options(broker, listener)
    dirty = ["--inject-anomalies", "0.3", "--anomaly", "malformed_json", "--anomaly", "missing_key"]
    fast = ["--rows", "1000", "--rate", "0", "--topic", f"to-{listener}", "--json"]
    done = run(*arguments, *fast, *dirty, folder=tmp_path, **variables)
    told = json.loads(done.stdout)
    events = receive(client, f"to-{listener}", 1000)
    assert (told["sent"], told["failed"], len(events)) == (1000, 0, 1000)
    assert told["by_kind"] == {
        "malformed_json": sum(not parses(event.value) for event in events),
        "missing_key": sum(event.key is None for event in events),
        "clean": sum(parses(event.value) and event.key is not None for event in events),
    }
    assert min(told["by_kind"].values()) > 100


def test_events_of_a_patient_stay_in_order(broker: Broker, tmp_path: Path) -> None:
    arguments, _, client = options(broker, "plain")
    fast = ["--rows", "2000", "--rate", "0", "--topic", "ordered", "--scenario", "small"]
    assert run(*arguments, *fast, folder=tmp_path).returncode == 0
    places: dict[bytes, set[int]] = {}
    times: dict[bytes, list[str]] = {}
    for event in receive(client, "ordered", 2000):
        places.setdefault(event.key, set()).add(event.partition)
        times.setdefault(event.key, []).append(json.loads(event.value)["event_time"])
    assert Counter(map(len, places.values())).keys() == {1}
    assert all(each == sorted(each) for each in times.values())


def test_settings_come_from_a_file(broker: Broker, tmp_path: Path) -> None:
    arguments, variables, client = options(broker, "event_hubs")
    variables["EVENT_HUB_NAME"] = "from-file"
    (tmp_path / ".env").write_text("".join(f"{k}='{v}'\n" for k, v in variables.items()))
    done = run(*arguments, "--rows", "3", "--rate", "0", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(receive(client, "from-file", 3)) == 3


def test_interrupt_flushes(broker: Broker, tmp_path: Path) -> None:
    arguments, _, client = options(broker, "plain")
    pace = ["--topic", "interrupted", "--rate", "200", "--json"]
    with start(*arguments, *pace, folder=tmp_path) as process:
        assert len(receive(client, "interrupted", 1)) == 1
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    told = json.loads(out)
    assert (process.returncode, told["failed"], err) == (0, 0, "")
    assert len(receive(client, "interrupted", told["sent"])) == told["sent"]


def test_wrong_key_is_said_in_time(broker: Broker, tmp_path: Path) -> None:
    arguments, variables, _ = options(broker, "event_hubs")
    variables["CONNECTION_STRING"] += "wrong"
    began = time.monotonic()
    done = run(*arguments, "--rows", "1", folder=tmp_path, **variables)
    assert time.monotonic() - began < 10
    refused(done, "SOURCE_KEY_REFUSED", 1)
    assert broker.connection_string not in done.stderr


def test_unknown_authority_is_said(broker: Broker, tmp_path: Path) -> None:
    _, variables, _ = options(broker, "event_hubs")
    refused(run("--rows", "1", folder=tmp_path, **variables), "SOURCE_TLS_FAILED", 1)


@pytest.mark.parametrize("protocol", ["plain", "event_hubs"])
def test_wrong_listener_is_said(broker: Broker, tmp_path: Path, protocol: str) -> None:
    arguments, variables, _ = options(broker, protocol)
    if protocol == "plain":
        arguments = ["--bootstrap-servers", broker.sasl_bootstrap_servers, "--topic", "t"]
        code = "SOURCE_NOT_KAFKA"
    else:
        variables["EVENTHUBS_NAMESPACE"] = broker.bootstrap_servers
        code = "SOURCE_TLS_FAILED"
    refused(run(*arguments, folder=tmp_path, **variables), code, 1)


@pytest.mark.parametrize("protocol", ["plain", "event_hubs"])
def test_silent_host_is_said_in_time(broker: Broker, tmp_path: Path, protocol: str) -> None:
    _, variables, _ = options(broker, "event_hubs")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        plainly = ["--bootstrap-servers", place, "--topic", "t"] if protocol == "plain" else []
        began = time.monotonic()
        done = run(*plainly, folder=tmp_path, **{**variables, "EVENTHUBS_NAMESPACE": place})
    assert time.monotonic() - began < 10
    refused(done, "SOURCE_SILENT", 1)


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("nosuch.invalid:9092", "SOURCE_HOST_UNKNOWN"),
        ("127.0.0.1:1", "SOURCE_UNREACHABLE"),
        ("nonsense", "SOURCE_ADDRESS_INVALID"),
    ],
)
def test_wrong_host_is_said(tmp_path: Path, place: str, code: str) -> None:
    refused(run("--bootstrap-servers", place, "--topic", "t", folder=tmp_path), code, 1)


def test_impossible_topic_is_said(broker: Broker, tmp_path: Path) -> None:
    arguments, _, _ = options(broker, "plain")
    done = run(*arguments, "--topic", "no such topic", folder=tmp_path)
    refused(done, "TOPIC_UNAVAILABLE", 1)


def test_placeholder_is_refused(tmp_path: Path) -> None:
    example = SCRIPT.parents[1] / ".env.example"
    (tmp_path / ".env").write_text(example.read_text())
    refused(run(folder=tmp_path), "SETTING_PLACEHOLDER")


def test_history_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    dates = ["--start-date", "2026-02-01", "--end-date", "2026-01-01"]
    done = run("--bootstrap-servers", "h:1", "--topic", "t", *dates, folder=tmp_path)
    refused(done, "DATES_INVALID")


def test_failures_are_counted_and_shown(broker: Broker, tmp_path: Path) -> None:
    arguments, _, client = options(broker, "plain")
    pace = ["--topic", "failing", "--rate", "500", "--json"]
    with start(*arguments, *pace, folder=tmp_path) as process:
        assert receive(client, "failing", 1)
        broker.kill()  # no test after this one uses it
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=40)
    told = json.loads(out)
    assert (process.returncode, err) == (1, "")
    assert told["sent"] > 0
    assert told["failed"] > 0
