"""Landing into real Blob storage that fails for a while: nothing lost, doubled, or told."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from command import HEADWATER, environment
from dev_clients import needs_node
from faulty_server import FaultyServer, faulty_server
from headwater.dev.azurite import Azurite, azurite
from headwater.dev.kafka import Broker, kafka_broker
from headwater.errors import SinkError
from headwater.landing.blob import BlobAccess, BlobSink, parse_place
from landing_processes import CONTRACT, PATIENT, bad_among, held_by, make_topic, send
from landing_support import Landed

pytestmark = [pytest.mark.servers, needs_node]
EVENTS = 5_000
SINK = "abfs://landing@devstoreaccount1.dfs.core.windows.net/events"
WAIT_SECONDS = 45


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as running:
        make_topic(running, "patient_events")
        send(running.bootstrap_servers, "patient_events", EVENTS)
        yield running


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    with azurite(tmp_path_factory.mktemp("azurite")) as running:
        yield running


@pytest.fixture(scope="module")
def container(storage: Azurite) -> Iterator[ContainerClient]:
    service = BlobServiceClient.from_connection_string(storage.connection_string)
    with service, service.create_container("landing") as made:
        yield made


def through(storage: Azurite, proxy: FaultyServer) -> str:
    return storage.connection_string.replace(storage.blob_endpoint, proxy.endpoint)


def start(broker: Broker, connection: str, folder: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            HEADWATER, "land", "--sink", SINK, "--topic", "patient_events", *options,
            "--bootstrap-servers", broker.bootstrap_servers, "--contract", str(CONTRACT),
        ],
        cwd=folder,
        env=environment(AZURE_STORAGE_CONNECTION_STRING=connection),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def test_faults_of_the_storage_lose_and_double_nothing_and_logs_tell_nothing(
    broker: Broker, storage: Azurite, container: ContainerClient, tmp_path: Path
) -> None:
    with faulty_server(storage.blob_endpoint) as proxy:
        proxy.is_down = True
        landing = start(broker, through(storage, proxy), tmp_path, "--once", "--max-rows", "60")
        healing = threading.Timer(4, lambda: setattr(proxy, "is_down", False))
        proxy.share = 0.2
        healing.start()
        told, logged = landing.communicate(timeout=WAIT_SECONDS)
    assert landing.returncode == 0, logged
    landed = Landed(tmp_path / "nothing")
    for name in container.list_blob_names(name_starts_with="events/"):
        if name.endswith(".parquet"):
            landed.add(name.removeprefix("events/"), container.download_blob(name).readall())
    landed.check(held_by(broker, "patient_events"))
    assert len(landed.rejected) == bad_among(EVENTS)
    assert set(proxy.faults) == {"500", "503", "cut before", "cut after"}
    assert "storage_fault" in logged
    for secret in (PATIENT, storage.key, "AccountKey", "E000000", "Authorization"):
        assert secret not in told + logged


def test_files_are_made_once_and_listed(storage: Azurite, container: ContainerClient) -> None:
    place = parse_place(f"{SINK}/once")
    sink = BlobSink(place, BlobAccess(storage.connection_string))
    assert (sink.create("a/b.json", b"1"), sink.create("a/b.json", b"2")) == (True, False)
    sink.create("a/c/d.json", b"3")
    assert (sink.read("a/b.json"), sink.list("a"), sink.list("x")) == (b"1", ["b.json"], [])
    assert (sink.exists("a/b.json"), sink.exists("a/x")) == (True, False)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("AccountKey=", "AccountKey=AAAA", "SINK_FORBIDDEN"),
        ("DefaultEndpointsProtocol=http;", "nonsense;", "SINK_ACCESS_INVALID"),
    ],
)
def test_wrong_key_is_refused_at_once(
    broker: Broker, storage: Azurite, tmp_path: Path, old: str, new: str, code: str
) -> None:
    assert old in storage.connection_string
    connection = storage.connection_string.replace(old, new)
    landing = start(broker, connection, tmp_path, "--once")
    logged = landing.communicate(timeout=WAIT_SECONDS)[1]
    lines = [line for line in logged.splitlines() if not line.startswith("{")]
    assert (landing.returncode in (1, 2), len(lines)) == (True, 2), logged
    assert lines[0].startswith(f"error: [{code}]")


def test_missing_container_is_a_refusal_that_is_not_retried(storage: Azurite) -> None:
    place = parse_place("abfs://absent@devstoreaccount1.dfs.core.windows.net/x")
    with pytest.raises(SinkError) as caught:
        BlobSink(place, BlobAccess(storage.connection_string)).create("a", b"1")
    assert (caught.value.code, caught.value.is_transient) == ("SINK_REFUSED", False)
