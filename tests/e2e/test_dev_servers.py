"""`headwater dev`: real servers come, answer, are known again, and go."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from azure.storage.blob import BlobServiceClient

from command import headwater, refused
from dev_clients import event_hubs, needs_node, plain, receive, send
from headwater.dev.kafka import kafka_broker

pytestmark = pytest.mark.servers

SERVERS = Path(".headwater/dev-servers")


def told(*arguments: str, folder: Path) -> dict[str, Any]:
    done = headwater("dev", *arguments, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("dev")
    yield made
    headwater("dev", "down", folder=made)


@pytest.fixture(scope="module")
def servers(folder: Path) -> dict[str, Any]:
    return told("up", folder=folder)


@needs_node
def test_up_starts_both(servers: dict[str, Any]) -> None:
    assert {name: server["was_started"] for name, server in servers.items()} == {
        "azurite": True,
        "kafka": True,
    }


@needs_node
def test_second_up_says_what_already_runs(servers: dict[str, Any], folder: Path) -> None:
    again = told("up", folder=folder)
    assert {name: (s["pid"], s["was_started"]) for name, s in again.items()} == {
        name: (s["pid"], False) for name, s in servers.items()
    }


@needs_node
def test_status_shows_settings_and_that_they_are_throw_away(
    servers: dict[str, Any], folder: Path
) -> None:
    shown = headwater("dev", "status", folder=folder).stdout
    assert servers["kafka"]["bootstrap_servers"] in shown
    assert servers["azurite"]["blob_endpoint"] in shown
    assert "open nothing else" in shown


@needs_node
def test_state_is_for_its_owner_only(servers: dict[str, Any], folder: Path) -> None:
    secret = [SERVERS / "servers.json", SERVERS / "kafka/server.properties"]
    assert [(folder / path).stat().st_mode & 0o077 for path in secret] == [0, 0]


@needs_node
def test_events_pass_through_both_listeners(servers: dict[str, Any]) -> None:
    send(plain(servers["kafka"]), "both", b"1")
    send(event_hubs(servers["kafka"]), "both", b"2")
    for settings in (plain(servers["kafka"]), event_hubs(servers["kafka"])):
        assert sorted(event.value for event in receive(settings, "both", 2)) == [b"1", b"2"]


@needs_node
def test_blob_is_put_and_read(servers: dict[str, Any]) -> None:
    with BlobServiceClient.from_connection_string(
        servers["azurite"]["connection_string"]
    ) as service:
        container = service.create_container("landing")
        container.upload_blob("a/b", b"hello")
        assert container.download_blob("a/b").readall() == b"hello"


@needs_node
def test_up_starts_what_was_killed(servers: dict[str, Any], folder: Path) -> None:
    process = psutil.Process(servers["azurite"]["pid"])
    process.kill()
    psutil.wait_procs([process], timeout=10)
    assert set(told("status", folder=folder)) == {"kafka"}
    again = told("up", folder=folder)
    assert (again["azurite"]["was_started"], again["kafka"]["was_started"]) == (True, False)


@needs_node
def test_down_stops_both_and_deletes_their_data(servers: dict[str, Any], folder: Path) -> None:
    pids = [server["pid"] for server in told("status", folder=folder).values()]
    assert headwater("dev", "down", folder=folder).returncode == 0
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    assert not (folder / SERVERS).exists()
    assert told("status", folder=folder) == {}


def test_down_with_nothing_running_is_fine(tmp_path: Path) -> None:
    assert headwater("dev", "down", folder=tmp_path).returncode == 0


def test_process_of_another_is_never_touched(tmp_path: Path) -> None:
    setup = {"folder": str(tmp_path), "port": 1, "key": "k"}
    state = {"azurite": {"process": {"pid": os.getpid(), "born": 0.0}, "setup": setup}}
    (tmp_path / SERVERS).mkdir(parents=True)
    (tmp_path / SERVERS / "servers.json").write_text(json.dumps(state))
    assert told("status", folder=tmp_path) == {}
    assert headwater("dev", "down", folder=tmp_path).returncode == 0  # and this test goes on


def test_damaged_state_is_no_state(tmp_path: Path) -> None:
    (tmp_path / SERVERS).mkdir(parents=True)
    (tmp_path / SERVERS / "servers.json").write_text('{"kafka": {"proc')
    assert told("status", folder=tmp_path) == {}


def test_missing_node_is_said(tmp_path: Path) -> None:
    refused(headwater("dev", "up", "azurite", folder=tmp_path, PATH=""), "NODE_NOT_FOUND", 1)


def test_broker_keeps_its_events_over_a_kill(tmp_path: Path) -> None:
    with kafka_broker(tmp_path, partitions=1) as broker:
        settings = {"bootstrap_servers": broker.bootstrap_servers}
        send(settings, "kept", b"1")
        broker.kill()
        assert not broker.server.is_running
        broker.restart()
        send(settings, "kept", b"2")
        assert [event.value for event in receive(settings, "kept", 2)] == [b"1", b"2"]
    assert not broker.server.is_running
