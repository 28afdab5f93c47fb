"""`headwater land` as a person uses it: Event Hubs, mistakes, SIGTERM, metrics."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from command import HEADWATER, environment, headwater, refused
from headwater.dev.kafka import Broker, kafka_broker
from landing_processes import CONTRACT, PATIENT, held_by, make_topic, send
from landing_support import Landed

pytestmark = pytest.mark.servers

EVENTS = 3_000
STOP_SECONDS = 10


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as running:
        make_topic(running, "patient_events")
        send(running.bootstrap_servers, "patient_events", EVENTS)
        yield running


def event_hubs(broker: Broker, **changed: str) -> dict[str, str]:
    return {
        "EVENTHUBS_NAMESPACE": broker.sasl_bootstrap_servers,
        "EVENT_HUB_NAME": "patient_events",
        "CONNECTION_STRING": broker.connection_string,
        **changed,
    }


@contextmanager
def landing(broker: Broker, folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A consumer that goes on until it is stopped."""
    process = subprocess.Popen(
        [
            HEADWATER, "land", "--sink", str(folder / "sink"), "--contract", str(CONTRACT),
            "--bootstrap-servers", broker.bootstrap_servers, "--topic", "patient_events",
            *options,
        ],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str], event: str) -> dict[str, object]:
    """Read the log up to an event."""
    assert process.stderr is not None
    for line in process.stderr:
        facts: dict[str, object] = json.loads(line)
        if facts["event"] == event:
            return facts
    raise AssertionError(f"never said {event}")


def read(progress: dict[str, object]) -> bool:
    """Return whether events were read; a rebalance while a group starts lands them early."""
    return any(progress[name] for name in ("landed", "rejected", "memory_bytes"))


def test_event_hubs_settings_land_over_tls_with_the_connection_string(
    broker: Broker, tmp_path: Path
) -> None:
    done = headwater(
        "land", "--once", "--json", "--sink", (tmp_path / "sink").as_uri(),
        "--contract", str(CONTRACT), "--ca-file", str(broker.ca_file),
        folder=tmp_path, **event_hubs(broker),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    totals = json.loads(done.stdout)
    assert totals["landed"] + totals["rejected"] == EVENTS
    Landed(tmp_path / "sink").check(held_by(broker, "patient_events"))
    assert all(json.loads(line)["event"] for line in done.stderr.splitlines())
    for secret in (PATIENT, broker.connection_string, "SharedAccessKey"):
        assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"CONNECTION_STRING": "Endpoint=sb://x/;SharedAccessKey=bad"}, "SOURCE_KEY_REFUSED"),
        ({"EVENTHUBS_NAMESPACE": "127.0.0.1:1"}, "SOURCE_UNREACHABLE"),
        ({"EVENTHUBS_NAMESPACE": "no-such-host.invalid:9093"}, "SOURCE_HOST_UNKNOWN"),
        ({"EVENT_HUB_NAME": "no_such_topic"}, "SOURCE_TOPIC_MISSING"),
    ],
)
def test_wrong_setting_is_named_within_ten_seconds(
    broker: Broker, tmp_path: Path, changed: dict[str, str], code: str
) -> None:
    began = time.monotonic()
    done = headwater(
        "land", "--once", "--sink", str(tmp_path / "sink"), "--contract", str(CONTRACT),
        "--ca-file", str(broker.ca_file), folder=tmp_path, **event_hubs(broker, **changed),
    )  # fmt: skip
    assert time.monotonic() - began < STOP_SECONDS
    done.stderr = "\n".join(each for each in done.stderr.splitlines() if each[0] != "{")
    refused(done, code, status=1)
    assert "SharedAccessKey" not in done.stderr


def test_raw_mode_is_refused_with_what_to_do(tmp_path: Path) -> None:
    done = headwater("land", "--sink", str(tmp_path), "--topic", "t", folder=tmp_path)
    refused(done, "CONTRACT_MISSING")
    assert "--contract FILE" in done.stderr


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--sink", "s3://bucket/x"], "SINK_URL_INVALID"),
        (["--sink", "x", "--max-rows", "0"], "LIMIT_INVALID"),
        (["--sink", "x", "--max-bytes", "many"], "USAGE"),
        (["--sink", "x", "--max-seconds", "nan"], "LIMIT_INVALID"),
        (["--sink", "x", "--metrics-port", "99999"], "USAGE"),
        (["--sink", "x", "--isolation-level", "serializable"], "USAGE"),
        (["--sink", "x", "--ca-file", "missing.pem"], "USAGE"),
        (["--sink", "x", "--ca-file", str(CONTRACT)], "OPTION_WITHOUT_EFFECT"),
        (["--sink", "x", "--source", "eventhubs"], "OPTION_WITHOUT_EFFECT"),
        (["--sink", "x", "--group", ""], "OPTION_EMPTY"),
        (["--sink", ""], "OPTION_EMPTY"),
        (["--sink", "x", "--contract", "missing.yml"], "CONTRACT_NOT_FOUND"),
    ],
)
def test_wrong_option_is_refused(tmp_path: Path, options: list[str], code: str) -> None:
    known = ["--topic", "t", "--bootstrap-servers", "127.0.0.1:1", "--contract", str(CONTRACT)]
    refused(headwater("land", *known, *options, folder=tmp_path), code)


def test_sigterm_lands_what_was_read_within_ten_seconds(broker: Broker, tmp_path: Path) -> None:
    options = ("--group", "term", "--max-seconds", "3600", "--metrics-port", "0")
    with landing(broker, tmp_path, *options) as process:
        told(process, "started")
        while not read(told(process, "progress")):
            pass
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        totals, _ = process.communicate(timeout=STOP_SECONDS)
    assert (process.returncode, time.monotonic() - began < STOP_SECONDS) == (0, True)
    Landed(tmp_path / "sink").check(held_by(broker, "patient_events"))
    assert "2,940 landed, 60 rejected" in totals


def test_metrics_and_health_are_served_on_loopback(broker: Broker, tmp_path: Path) -> None:
    landed = EVENTS - EVENTS // 50
    options = ("--group", "metrics", "--metrics-port", "0", "--max-seconds", "0.2")
    with landing(broker, tmp_path, *options) as process:
        port = told(process, "started")["metrics_port"]
        while told(process, "progress")["landed"] < landed:
            pass
        shown = _get(f"http://127.0.0.1:{port}/metrics")
        assert _get(f"http://127.0.0.1:{port}/healthz") == "well"
        with pytest.raises(urllib.error.HTTPError):
            _get(f"http://127.0.0.1:{port}/other")
    assert f"headwater_landing_landed_total {landed}.0" in shown
    assert "headwater_landing_lag 0.0" in shown


def _get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())
