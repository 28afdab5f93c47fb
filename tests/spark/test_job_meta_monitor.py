"""The monitor: what it notices, what it costs, what it survives."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from faulty_server import FaultyServer
from headwater.errors import UsageError
from job_meta_support import client_of, needs_minilake, notebook, sql_query, yaml_of
from lakeflow_job_meta.errors import LeaseLost
from lakeflow_job_meta.lease import Lease
from lakeflow_job_meta.main import read_arguments, read_widgets, watch
from lakeflow_job_meta.monitor import MetadataMonitor, PassResult
from lakeflow_job_meta.orchestrator import JobOrchestrator

pytestmark = [pytest.mark.servers, needs_minilake]


class Site:
    """A folder of YAML files, a table and a workspace, all empty."""

    def __init__(self, spark: SparkSession, proxy: FaultyServer, folder: Path, table: str):
        self.spark, self.proxy, self.folder, self.table = spark, proxy, folder, table

    def monitor(self, **options: Any) -> MetadataMonitor:
        given = {
            "check_interval_seconds": 0.01,
            "retry_seconds": 1,
            "lease_seconds": 600,
            **options,
        }
        return MetadataMonitor(
            self.table,
            volume_path=str(self.folder),
            workspace_client=client_of(self.proxy.endpoint, 2),
            spark=self.spark,
            **given,
        )

    def write(self, name: str, *modules: tuple[str, list[dict[str, Any]]]) -> None:
        (self.folder / name).write_text(yaml_of(*modules))

    def jobs(self) -> list[str]:
        listed = client_of(self.proxy.endpoint).jobs.list()
        return sorted((each.settings and each.settings.name) or "" for each in listed)


@pytest.fixture
def site(spark: SparkSession, proxy: FaultyServer, tmp_path: Path, control_table: str) -> Site:
    return Site(spark, proxy, tmp_path, control_table)


def passed(monitor: MetadataMonitor) -> PassResult:
    """Make one pass, as `run_continuous` would."""
    monitor.prepare()
    return monitor.check_and_update()


def outcome(done: PassResult) -> dict[str, str]:
    assert done.errors == ()
    return {each.module_name: each.result for each in done.results}


def test_changes_of_files_and_of_the_table_are_noticed(site: Site) -> None:
    site.write("a.yaml", ("a", [notebook("n1")]))
    monitor = site.monitor()
    assert outcome(passed(monitor)) == {"a": "created"}
    site.write("b.yaml", ("b", [notebook("n1")]))
    assert outcome(passed(monitor)) == {"a": "unchanged", "b": "created"}
    site.spark.sql(
        f"INSERT INTO {site.table} (source_id, module_name, source_type, execution_order, "
        "transformation_config, is_active) VALUES ('n', 'c', 'x', 1, "
        """'{"task_type": "notebook", "notebook_path": "/n"}', true)"""
    )
    assert outcome(passed(monitor)) == {"a": "unchanged", "b": "unchanged", "c": "created"}
    (site.folder / "b.yaml").unlink()
    done = passed(monitor)
    assert [each.module_name for each in done.results] == ["a", "c"]
    assert site.jobs() == ["a", "b", "c"]  # orphaned jobs are nobody's to delete but a person's


def test_pass_without_changes_calls_no_api_and_scans_nothing(site: Site) -> None:
    site.write("a.yaml", ("a", [notebook("n1")]))
    monitor = site.monitor()
    passed(monitor)
    before = site.proxy.calls.total()
    detail = site.spark.sql(f"DESCRIBE DETAIL {site.table}").first()
    assert detail is not None
    folder = Path(detail["location"].removeprefix("file:"))
    files = list(folder.glob("*.parquet"))
    assert files
    for file in files:
        file.rename(file.with_suffix(".hidden"))  # a scan would fail from now on
    done = passed(monitor)
    assert done == PassResult()
    assert site.proxy.calls.total() == before


def test_job_deleted_by_hand_comes_back_when_jobs_are_compared(site: Site) -> None:
    site.write("a.yaml", ("a", [notebook("n1")]))
    monitor = site.monitor(reconcile_seconds=0)
    passed(monitor)
    client = client_of(site.proxy.endpoint)
    (job,) = client.jobs.list()
    client.jobs.delete(job.job_id or 0)
    assert outcome(passed(monitor)) == {"a": "created"}


def test_bad_file_is_named_and_the_others_go_on(site: Site) -> None:
    site.write("a.yaml", ("a", [notebook("n1")]))
    (site.folder / "bad.yaml").write_bytes(b"\xff\xfe modules")
    done = passed(site.monitor())
    assert [each.result for each in done.results] == ["created"]
    assert [error.split("]")[0] for error in done.errors] == ["[YAML_NOT_UTF8"]


def test_api_that_is_away_is_survived(site: Site) -> None:
    site.write("a.yaml", ("a", [notebook("n1")]))
    monitor = site.monitor()
    site.proxy.is_down = True
    assert "API_UNREACHABLE" in passed(monitor).errors[0]
    site.proxy.is_down = False
    assert outcome(passed(monitor)) == {"a": "created"}


def test_folder_that_is_away_is_survived(site: Site) -> None:
    site.write("a.yaml", ("a", [notebook("n1")]))
    monitor = site.monitor()
    passed(monitor)
    hidden = site.folder.rename(site.folder.with_name("hidden"))
    assert "VOLUME_UNREACHABLE" in passed(monitor).errors[0]
    hidden.rename(site.folder)
    assert outcome(passed(monitor)) == {}
    assert site.jobs() == ["a"]


def test_stop_in_the_middle_ends_after_the_module_at_hand(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.write("a.yaml", *((name, [notebook("n1")]) for name in "abcdef"))
    monitor = site.monitor()
    site.proxy.fail_next("/jobs/create", "hold after")

    def stop_then_let_go() -> None:
        site.proxy.held.wait(60)
        monitor.stop()
        site.proxy.released.set()

    stopping = threading.Thread(target=stop_then_let_go)
    stopping.start()
    with caplog.at_level(logging.INFO, "lakeflow_job_meta"):
        monitor.run_continuous()
    stopping.join()
    assert site.jobs() == ["a"]
    said = [record for record in caplog.records if record.name == "lakeflow_job_meta"]
    lines = [json.loads(record.getMessage()) for record in said]
    assert [line["event"] for line in lines] == ["module", "pass", "stopped"]
    assert lines[0]["module_name"] == "a"
    monitor = site.monitor()
    assert outcome(passed(monitor))["a"] == "unchanged"
    assert site.jobs() == list("abcdef")


def test_stop_does_not_wait_for_an_api_that_is_away(site: Site) -> None:
    site.write("a.yaml", ("a", [notebook("n1")]))
    site.proxy.is_down = True
    monitor = site.monitor(retry_seconds=3600)
    running = threading.Thread(target=monitor.run_continuous)
    running.start()
    assert site.proxy.failed.wait(60)
    monitor.stop()
    running.join(30)
    assert not running.is_alive()


def test_two_monitors_do_not_fight(site: Site) -> None:
    site.write("a.yaml", ("a", [notebook("n1")]))
    first, second = site.monitor(), site.monitor()
    assert passed(first).is_holder
    assert not passed(second).is_holder
    assert site.proxy.calls["POST /api/2.2/jobs/create"] == 1
    first.run_continuous(max_iterations=1)  # gives the lease back at its end
    assert passed(second).is_holder


def test_stale_lease_is_taken_over_and_the_old_holder_notices(site: Site) -> None:
    old = Lease(site.table, site.spark, lease_seconds=1, holder="old")
    new = Lease(site.table, site.spark, lease_seconds=600, holder="new")
    old.ensure_exists()
    assert old.take()
    while not new.take():  # until the second is over
        pass
    with pytest.raises(LeaseLost):
        old.keep()
    old.release()  # not ours to give
    new.keep()
    assert not old.take()
    new.release()
    late = Lease(site.table, site.spark, lease_seconds=1, holder="late")
    assert late.take()
    while not new.take():
        pass
    new.release()  # it has done what it wanted, and what `late` had planned is out of date
    with pytest.raises(LeaseLost):
        late.keep()


class Time:
    """Lets time pass for a lease: for the row of its table, and for who holds it."""

    def __init__(self, site: Site) -> None:
        self.site, self.seconds = site, 0.0

    def clock(self) -> float:
        return self.seconds

    def passes(self, seconds: int) -> None:
        self.seconds += seconds
        earlier = f"expires_at - INTERVAL {seconds} SECOND"
        self.site.spark.sql(f"UPDATE {self.site.table}_lease SET expires_at = {earlier}")


def slow_module(site: Site, on_write: Callable[[], None]) -> tuple[JobOrchestrator, Time]:
    """A module of one job and two saved queries, of which each call takes its time."""
    site.write("a.yaml", ("a", [sql_query(f"q{n}", "SELECT 1") for n in range(2)]))
    time = Time(site)
    lease = Lease(site.table, site.spark, lease_seconds=600, holder="first", clock=time.clock)
    lease.ensure_exists()
    assert lease.take()
    client = client_of(site.proxy.endpoint, 60)
    orchestrator = JobOrchestrator(site.table, client, spark=site.spark, lease=lease)
    orchestrator.metadata.load_folder(site.folder)
    site.proxy.asked = lambda call: on_write() if call.startswith("POST") else None
    return orchestrator, time


def test_lease_is_kept_through_a_module_that_takes_longer_than_it_lasts(site: Site) -> None:
    taken: list[bool] = []
    second = Lease(site.table, site.spark, lease_seconds=600, holder="second")

    def half_a_lease() -> None:
        time.passes(300)
        taken.append(second.take())

    orchestrator, time = slow_module(site, half_a_lease)
    assert [each.result for each in orchestrator.apply()] == ["created"]
    assert taken == [False] * 3
    (site.folder / "a.yaml").unlink()
    orchestrator.metadata.load_folder(site.folder)
    time.passes(601)
    assert second.take()
    with pytest.raises(LeaseLost):  # deleting orphans asks as well
        orchestrator.delete_orphans(confirm=True)
    assert site.jobs() == ["a"]


def test_holder_that_was_replaced_within_a_module_writes_nothing_more(site: Site) -> None:
    second = Lease(site.table, site.spark, lease_seconds=600, holder="second")

    def whole_lease() -> None:
        if not time.seconds:
            time.passes(601)
            assert second.take()

    orchestrator, time = slow_module(site, whole_lease)
    with pytest.raises(LeaseLost):
        orchestrator.apply()
    written = {call: count for call, count in site.proxy.calls.items() if call.startswith("POST")}
    assert written == {"POST /api/2.0/sql/queries": 1}


def test_lease_of_a_program_that_was_killed_is_taken_at_once(site: Site) -> None:
    tell = "from lakeflow_job_meta.lease import new_holder\nprint(new_holder())"
    ended = subprocess.run(
        [sys.executable, "-c", tell], capture_output=True, text=True, check=True
    ).stdout.strip()
    name, _, process = ended.rpartition(":")
    boot, _, *rest = process.split("/")
    elsewhere = f"{name}:{'/'.join([boot, '1', *rest])}"  # with the same host name
    new = Lease(site.table, site.spark, lease_seconds=600)
    new.ensure_exists()
    for holder, is_taken in ((elsewhere, False), (ended, True)):
        site.spark.sql(
            f"UPDATE {site.table}_lease SET holder = '{holder}', "
            "expires_at = current_timestamp() + INTERVAL 1 HOUR"
        )
        assert new.take() is is_taken


def test_lease_is_taken_by_one_of_many_at_once(site: Site) -> None:
    leases = [Lease(site.table, site.spark, lease_seconds=60) for _ in range(4)]
    leases[0].ensure_exists()
    ready = threading.Barrier(len(leases))
    taken: list[str] = []

    def take(lease: Lease) -> None:
        ready.wait()
        if lease.take():
            taken.append(lease.holder)

    threads = [threading.Thread(target=take, args=(lease,)) for lease in leases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1


def test_task_parameters_start_a_monitor(site: Site) -> None:
    site.write("a.yaml", ("a", [notebook("n1")]))
    given = read_arguments(
        [
            f"--control_table={site.table}",
            "--volume-path",
            os.fspath(site.folder),
            "max_iterations=1",
            "--check_interval_seconds=",
        ]
    )
    watch(given, workspace_client=client_of(site.proxy.endpoint), spark=site.spark)
    assert site.jobs() == ["a"]


class Widgets:
    """What a notebook's `dbutils.widgets` gives, of which nothing else is used."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.widgets = self

    def getAll(self) -> dict[str, str]:  # noqa: N802 - Databricks' name
        return self.values


def test_widgets_are_parameters() -> None:
    given = Widgets(control_table="a.b.c", max_iterations="", other="x", name_prefix="[dev] ")
    assert read_widgets(given) == {"control_table": "a.b.c", "name_prefix": "[dev] "}
    assert read_widgets(None) == {}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--control_tabel=x"], "PARAMETER_UNKNOWN"),
        (["--control-table"], "PARAMETER_INVALID"),
        ([], "PARAMETER_MISSING"),
        (["--control_table=a", "--max_iterations=-1"], "PARAMETER_INVALID"),
        (["--control_table=a", "--max_iterations=many"], "PARAMETER_INVALID"),
    ],
)
def test_wrong_parameter_is_named(arguments: list[str], code: str) -> None:
    with pytest.raises(UsageError) as raised:
        watch(read_arguments(arguments))
    assert raised.value.code == code
