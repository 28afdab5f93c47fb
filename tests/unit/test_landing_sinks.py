"""Files that appear whole and once, and storage faults that are outlasted or not retried."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from headwater.errors import SinkError, UsageError
from headwater.landing.blob import BlobAccess, BlobSink, parse_place
from headwater.landing.local import LocalSink
from headwater.landing.sinks import open_sink
from headwater.landing.steady import FAULTS_TO_OPEN, SteadySink
from landing_support import silent

AWAY = SinkError("SINK_AWAY", "away", is_transient=True)
REFUSED = SinkError("SINK_REFUSED", "no")


class FailingSink(LocalSink):
    """A folder that fails so many times before it works."""

    def __init__(self, root: Path, *faults: SinkError) -> None:
        super().__init__(root)
        self.faults = list(faults)
        self.calls = 0

    def create(self, name: str, content: bytes) -> bool:
        self.calls += 1
        if self.faults:
            raise self.faults.pop()
        return super().create(name, content)


def test_of_many_writers_one_makes_the_file(tmp_path: Path) -> None:
    sink = LocalSink(tmp_path)
    together = threading.Barrier(8)
    made = []

    def write(number: int) -> None:
        together.wait()
        made.append(sink.create("a/b/c.parquet", b"%d" % number * 1000))

    threads = [threading.Thread(target=write, args=(each,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]
    assert len(set(sink.read("a/b/c.parquet"))) == 1
    assert list((tmp_path / "_incoming").iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "a//b", "a/./b", "a\\b"])
def test_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SinkError) as caught:
        LocalSink(tmp_path / "sink").create(name, b"")
    assert caught.value.code == "SINK_NAME_INVALID"


def test_drafts_of_killed_processes_go_after_a_day(tmp_path: Path) -> None:
    old, new = (tmp_path / "_incoming" / name for name in ("old", "new"))
    LocalSink(tmp_path)
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    os.utime(old, (0, 0))
    LocalSink(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)


def test_full_disk_leaves_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    sink = LocalSink(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(SinkError) as caught:
            sink.create("a", b"x" * 1000)
    assert (caught.value.is_transient, list((tmp_path / "_incoming").iterdir())) == (True, [])
    assert sink.create("a", b"x")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    sink = LocalSink(tmp_path)
    assert (sink.list("none"), sink.exists("none/a")) == ([], False)
    with pytest.raises(SinkError) as caught:
        sink.read("none/a")
    assert caught.value.code == "SINK_FILE_MISSING"


def test_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sink").write_text("")
    with pytest.raises(SinkError) as caught:
        LocalSink(tmp_path / "sink")
    assert (caught.value.code, caught.value.is_transient) == ("SINK_REFUSED", False)


def test_transient_faults_are_outlasted_and_told(tmp_path: Path) -> None:
    told = []
    inner = FailingSink(tmp_path, *[AWAY] * 3)
    sink = SteadySink(inner, notify=lambda happening, **facts: told.append((happening, facts)))
    assert sink.create("a", b"x")
    assert told == [("storage_fault", {"code": "SINK_AWAY", "attempt": n}) for n in (1, 2, 3)]


def test_refusal_is_never_retried(tmp_path: Path) -> None:
    inner = FailingSink(tmp_path, REFUSED)
    with pytest.raises(SinkError) as caught:
        SteadySink(inner, notify=silent).create("a", b"x")
    assert (caught.value.code, inner.calls) == ("SINK_REFUSED", 1)


def test_breaker_opens_so_that_the_storage_is_left_alone(tmp_path: Path) -> None:
    inner = FailingSink(tmp_path, *[AWAY] * 100)
    sink = SteadySink(inner, patience_seconds=1.0, notify=silent)
    assert sink.is_well
    with pytest.raises(SinkError) as caught:
        sink.create("a", b"x")
    assert (caught.value.code, caught.value.is_transient) == ("SINK_AWAY", True)
    assert FAULTS_TO_OPEN <= inner.calls <= FAULTS_TO_OPEN + 2  # then a few questions, no more
    assert not sink.is_well
    sink._breaker.half_open()
    assert not sink.is_well  # it is being asked, and has not answered


def test_given_up_retries_nothing(tmp_path: Path) -> None:
    inner = FailingSink(tmp_path, *[AWAY] * 100)
    sink = SteadySink(inner, notify=silent)
    sink.give_up()
    with pytest.raises(SinkError):
        sink.create("a", b"x")
    assert inner.calls == 1


def test_addresses_of_local_folders(tmp_path: Path) -> None:
    folder = tmp_path / "with space#1?2"
    for url in (str(folder), folder.as_uri(), f"file://{tmp_path}/with%20space#1?2"):
        open_sink(url).create(f"{len(url)}", b"x")
    assert len([each for each in folder.iterdir() if each.is_file()]) == 3


def test_addresses_of_containers() -> None:
    place = parse_place("abfss://raw@lake.dfs.core.windows.net/a/b/")
    assert (place.account_host, place.container, place.folder) == (
        "lake.dfs.core.windows.net",
        "raw",
        "a/b",
    )


@pytest.mark.parametrize(
    "url",
    [
        "file://host/x",
        "s3://a/b",
        "abfss://lake/x",
        "abfss://c:key@a/x",  # pragma: allowlist secret
        "abfss://c@a/../x",
    ],
)
def test_address_that_names_no_folder_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_sink(url)
    assert caught.value.code == "SINK_URL_INVALID"
    assert "key" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "answers"),
    [
        ("lake.dfs.core.windows.net", "checks.blob.core.windows.net"),
        ("checks.dfs.core.windows.net", "checks.blob.core.windows.net"),
        ("my.own.name", "checks.blob.core.windows.net"),
    ],
)
def test_connection_string_serves_its_own_account_only(host: str, answers: str) -> None:
    key = "AccountName=checks;AccountKey=Zm9v"  # pragma: allowlist secret
    access = BlobAccess(
        f"DefaultEndpointsProtocol=https;{key};EndpointSuffix=core.windows.net", "s"
    )
    place = parse_place(f"abfss://raw@{host}/x#1")
    found = BlobSink(place, access)._container.primary_hostname
    assert (found == answers) == (host != "lake.dfs.core.windows.net")
    assert place.folder == "x#1"


@pytest.mark.parametrize(
    "endpoint",
    ["https://lake.z13.blob.storage.azure.net", "http://127.0.0.1:10000/devstoreaccount1"],
)
def test_connection_string_with_an_endpoint_of_its_own_is_used(endpoint: str) -> None:
    access = BlobAccess(f"BlobEndpoint={endpoint};SharedAccessSignature=sv=1&sig=a")
    place = parse_place("abfss://raw@lake.dfs.core.windows.net/x")
    assert BlobSink(place, access)._container.url.startswith(endpoint)


def test_secrets_are_not_shown() -> None:
    assert "hidden" not in repr(BlobAccess("hidden", "hidden"))
