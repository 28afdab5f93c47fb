"""Jobs of a control table, through the real client, on an emulated workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import JobSettings
from pyspark.sql import SparkSession

from faulty_server import FaultyServer
from headwater.errors import DeploymentError, UsageError
from job_meta_support import client_of, needs_minilake, notebook, sql_query, yaml_of
from lakeflow_job_meta.errors import MetadataError
from lakeflow_job_meta.job_table import JobTable
from lakeflow_job_meta.lease import Lease
from lakeflow_job_meta.orchestrator import JobOrchestrator
from lakeflow_job_meta.plan import Action

pytestmark = [pytest.mark.servers, needs_minilake]

WRITES = ("POST /api/2.2/jobs/create", "POST /api/2.2/jobs/reset", "POST /api/2.2/jobs/delete")
QUERIES = "/api/2.0/sql/queries"


class Work:
    """A control table of its own, a workspace of its own, and what a test does with both."""

    def __init__(self, spark: SparkSession, proxy: FaultyServer, folder: Path, table: str):
        self.spark, self.proxy, self.folder, self.table = spark, proxy, folder, table

    @property
    def client(self) -> WorkspaceClient:
        return client_of(self.proxy.endpoint, 2)

    def orchestrator(self, **options: Any) -> JobOrchestrator:
        return JobOrchestrator(
            self.table, self.client, spark=self.spark, retry_seconds=20, **options
        )

    def load(self, *modules: tuple[str, list[dict[str, Any]]]) -> None:
        file = self.folder / "metadata.yaml"
        file.write_text(yaml_of(*modules))
        self.orchestrator().metadata.load_yaml(file)

    def jobs(self) -> dict[str, JobSettings]:
        listed = [(each.job_id or 0, each) for each in self.client.jobs.list()]
        found = [self.client.jobs.get(job_id).settings for job_id, _ in listed]
        return {each.name or "": each for each in found if each}

    def writes(self) -> int:
        return sum(self.proxy.calls[each] for each in WRITES)


@pytest.fixture
def work(spark: SparkSession, proxy: FaultyServer, tmp_path: Path, control_table: str) -> Work:
    return Work(spark, proxy, tmp_path, control_table)


def results(orchestrator: JobOrchestrator) -> dict[str, str]:
    return {each.module_name: each.result for each in orchestrator.apply()}


def test_modules_become_jobs_and_an_unchanged_one_is_not_written(work: Work) -> None:
    work.load(("a", [notebook("n1"), notebook("n2", 2)]), ("b", [notebook("n1")]))
    orchestrator = work.orchestrator()
    assert [step.action for step in orchestrator.plan().steps] == [Action.CREATE] * 2
    assert work.writes() == 0
    assert results(orchestrator) == {"a": "created", "b": "created"}
    tasks = work.jobs()["a"].tasks or []
    assert [[each.task_key for each in task.depends_on or []] for task in tasks] == [[], ["n1"]]
    before = work.writes()
    assert results(orchestrator) == {"a": "unchanged", "b": "unchanged"}
    assert work.writes() == before
    work.load(("a", [notebook("n1", timeout_seconds=5)]), ("b", [notebook("n1")]))
    assert results(orchestrator) == {"a": "updated", "b": "unchanged"}
    assert [task.timeout_seconds for task in work.jobs()["a"].tasks or []] == [5]


def test_record_says_what_is_deployed(work: Work) -> None:
    work.load(("a", [notebook("n1")]))
    orchestrator = work.orchestrator()
    job_id = orchestrator.create_or_update_job("a")
    record = JobTable(work.table, work.spark).read()["a"]
    assert (record.job_id, record.last_result) == (job_id, "created")
    (definition,), _ = orchestrator.define(orchestrator.metadata.read_all())
    assert record.definition_hash == definition.hash
    assert record.deployed_at is not None


def test_job_deleted_by_hand_is_made_again(work: Work) -> None:
    work.load(("a", [notebook("n1")]))
    orchestrator = work.orchestrator()
    job_id = orchestrator.create_or_update_job("a")
    work.client.jobs.delete(job_id)
    assert orchestrator.plan().steps[0].reason == "its job was deleted"
    assert orchestrator.create_or_update_job("a") != job_id
    assert list(work.jobs()) == ["a"]


def test_two_jobs_with_one_name_are_an_error_with_both_ids(work: Work) -> None:
    ids = [work.client.jobs.create(name="a", tasks=[]).job_id for _ in range(2)]
    work.load(("a", [notebook("n1")]))
    with pytest.raises(MetadataError) as raised:
        work.orchestrator().create_or_update_job("a")
    assert raised.value.code == "JOB_NAME_TAKEN"
    assert all(str(each) in raised.value.message for each in ids)


def test_job_whose_tag_was_taken_off_is_left_alone(work: Work) -> None:
    work.load(("a", [notebook("n1")]))
    orchestrator = work.orchestrator()
    job_id = orchestrator.create_or_update_job("a")
    work.client.jobs.reset(job_id, JobSettings(name="a", tasks=[]))
    work.load(("a", [notebook("n2")]))
    (result,) = orchestrator.apply()
    assert (result.result, "JOB_NOT_OURS" in result.error) == ("invalid", True)
    assert work.jobs()["a"].tasks == []


def test_bad_module_stops_no_other_and_its_job_stays(work: Work) -> None:
    work.load(("a", [notebook("n1")]), ("b", [notebook("n1")]), ("c", [notebook("n1")]))
    orchestrator = work.orchestrator()
    orchestrator.apply()
    work.spark.sql(
        f'UPDATE {work.table} SET transformation_config = \'{{"task_type": "nootbook"}}\' '
        "WHERE module_name = 'b'"
    )
    work.spark.sql(f"UPDATE {work.table} SET source_config = '[' WHERE module_name = 'a'")
    work.spark.sql(f"UPDATE {work.table} SET execution_order = 4 WHERE module_name = 'c'")
    done = {each.module_name: each for each in orchestrator.apply()}
    assert {name: each.result for name, each in done.items()} == {
        "a": "invalid",
        "b": "invalid",
        "c": "unchanged",  # the number of a single order means nothing to its job
    }
    assert "Did you mean 'notebook'?" in done["b"].error
    assert set(work.jobs()) == {"a", "b", "c"}
    record = JobTable(work.table, work.spark).read()
    assert record["b"].last_result == "failed: TASK_TYPE_UNKNOWN"
    assert record["b"].job_id is not None


def test_module_that_the_api_refuses_stops_no_other(work: Work) -> None:
    work.load(("a", [notebook("n1")]), ("b", [notebook("n1")]))
    work.proxy.fail_next("/jobs/create", "403")
    orchestrator = work.orchestrator()
    assert results(orchestrator) == {"a": "failed", "b": "created"}
    assert work.proxy.calls["POST /api/2.2/jobs/create"] == 2
    record = JobTable(work.table, work.spark).read()["a"]
    assert (record.job_id, record.last_result.startswith("failed: ")) == (None, True)
    assert results(orchestrator) == {"a": "created", "b": "unchanged"}


def test_orphans_are_deleted_only_when_confirmed(work: Work) -> None:
    foreign = work.client.jobs.create(name="foreign", tasks=[]).job_id
    work.load(("a", [notebook("n1")]), ("b", [sql_query("q1", "SELECT 1")]))
    orchestrator = work.orchestrator()
    orchestrator.apply()
    orchestrator.metadata.deactivate("b")
    (shown,) = orchestrator.delete_orphans()
    assert (shown.module_name, shown.result) == ("b", "orphaned")
    assert set(work.jobs()) == {"a", "b", "foreign"}
    (deleted,) = orchestrator.delete_orphans(confirm=True)
    assert (deleted.module_name, deleted.result) == ("b", "deleted")
    assert set(work.jobs()) == {"a", "foreign"}
    assert list(work.client.queries.list()) == []
    assert list(JobTable(work.table, work.spark).read()) == ["a"]
    assert foreign is not None


def test_orphans_stay_while_a_row_has_no_module(work: Work) -> None:
    work.load(("a", [notebook("n1")]))
    orchestrator = work.orchestrator()
    orchestrator.apply()
    work.spark.sql(f"UPDATE {work.table} SET module_name = NULL")
    with pytest.raises(DeploymentError) as raised:
        orchestrator.delete_orphans(confirm=True)
    assert raised.value.code == "ORPHANS_UNCERTAIN"
    assert list(work.jobs()) == ["a"]


def test_saved_query_is_made_updated_reused_and_dropped(work: Work) -> None:
    work.load(("a", [sql_query("q1", "SELECT 1"), sql_query("q2", "SELECT 2")]))
    orchestrator = work.orchestrator()
    orchestrator.apply()
    made = {each.display_name: each.id for each in work.client.queries.list()}
    tasks = {each.task_key: each for each in work.jobs()["a"].tasks or []}
    used = tasks["q1"].sql_task and tasks["q1"].sql_task.query
    assert used is not None and used.query_id in made.values()
    work.load(("a", [sql_query("q1", "SELECT 11")]))
    orchestrator.apply()
    (left,) = work.client.queries.list()
    assert (left.id, left.query_text) == (used.query_id, "SELECT 11")
    before = work.proxy.calls[f"PATCH {QUERIES}/{left.id}"]
    work.load(("a", [sql_query("q1", "SELECT 11", 3), notebook("n1")]))
    orchestrator.apply()
    assert work.proxy.calls[f"PATCH {QUERIES}/{left.id}"] == before


def test_saved_query_deleted_by_hand_is_made_again(work: Work) -> None:
    work.load(("a", [sql_query("q1", "SELECT 1")]))
    orchestrator = work.orchestrator()
    orchestrator.apply()
    (gone,) = work.client.queries.list()
    work.client.queries.delete(gone.id or "")
    work.load(("a", [sql_query("q1", "SELECT 2")]))
    assert results(orchestrator) == {"a": "updated"}
    (made,) = work.client.queries.list()
    (task,) = work.jobs()["a"].tasks or []
    assert task.sql_task and task.sql_task.query and task.sql_task.query.query_id == made.id
    work.client.queries.delete(made.id or "")  # and nothing else changes
    assert results(orchestrator) == {"a": "updated"}
    assert len(list(work.client.queries.list())) == 1


def test_api_that_goes_away_in_the_middle_loses_nothing(work: Work) -> None:
    work.load(*((name, [notebook("n1")]) for name in "abcde"))
    orchestrator = JobOrchestrator(work.table, work.client, spark=work.spark, retry_seconds=1)
    plan = orchestrator.plan()
    with pytest.raises(DeploymentError) as raised:
        orchestrator.apply(plan, go_on=lambda: _goes_away_after(work, 1))
    assert raised.value.code == "API_UNREACHABLE"
    record = JobTable(work.table, work.spark).read()
    assert {name: each.last_result for name, each in record.items()} == {
        "a": "created",
        **dict.fromkeys("bcd", "failed: API_UNREACHABLE"),  # it is away: e is not tried
    }
    work.proxy.is_down = False
    assert results(orchestrator) == {"a": "unchanged", **dict.fromkeys("bcde", "created")}
    assert sorted(work.jobs()) == list("abcde")


def _goes_away_after(work: Work, jobs: int) -> bool:
    work.proxy.is_down = work.writes() >= jobs
    return True


def test_module_that_the_api_never_answers_for_stops_no_other(work: Work) -> None:
    work.load(("a", [notebook("n1")]), ("b", [notebook("n1")]))
    orchestrator = JobOrchestrator(work.table, work.client, spark=work.spark, retry_seconds=0)
    work.proxy.fail_next("/jobs/create", "500")
    assert results(orchestrator) == {"a": "failed", "b": "created"}


def test_two_programs_do_not_write_at_once(work: Work) -> None:
    work.load(("a", [notebook("n1")]))
    lease = Lease(work.table, work.spark, lease_seconds=600)
    lease.ensure_exists()
    assert lease.take()
    with pytest.raises(DeploymentError) as raised:
        work.orchestrator().apply()
    assert (raised.value.code, work.writes()) == ("LEASE_HELD", 0)
    lease.release()
    assert results(work.orchestrator()) == {"a": "created"}


def test_row_without_a_module_is_told_of(work: Work) -> None:
    work.load(("a", [notebook("n1"), notebook("n2")]))
    work.spark.sql(f"UPDATE {work.table} SET module_name = ' ' WHERE source_id = 'n2'")
    nameless, done = work.orchestrator().apply()
    assert (nameless.module_name, nameless.result, done.result) == ("", "invalid", "created")
    with pytest.raises(DeploymentError, match="ORPHANS_UNCERTAIN"):
        work.orchestrator().delete_orphans(confirm=True)


def test_query_that_ran_ahead_of_its_job_is_brought_back(work: Work) -> None:
    work.load(("a", [sql_query("q1", "SELECT 1")]))
    orchestrator = work.orchestrator()
    orchestrator.apply()
    work.load(("a", [sql_query("q1", "SELECT 2")]))
    work.proxy.fail_next("/jobs/reset", "403")
    assert results(orchestrator) == {"a": "failed"}
    work.load(("a", [sql_query("q1", "SELECT 1")]))
    assert results(orchestrator) == {"a": "updated"}
    assert [each.query_text for each in work.client.queries.list()] == ["SELECT 1"]


def test_answer_that_cannot_be_read_shows_nothing_of_the_request(work: Work) -> None:
    secret = "value-that-nobody-may-see"  # noqa: S105 - of nothing
    work.load(("a", [notebook("n1", base_parameters={"p": secret})]))
    work.proxy.fail_next("/jobs/create", "413")
    (result,) = work.orchestrator().apply()
    assert (result.result, secret in result.error) == ("failed", False)
    assert work.proxy.calls["POST /api/2.2/jobs/create"] == 1


def test_lost_record_is_found_by_the_tag(work: Work) -> None:
    work.load(("a", [notebook("n1")]))
    orchestrator = work.orchestrator()
    job_id = orchestrator.create_or_update_job("a")
    work.spark.sql(f"DROP TABLE {work.table}_jobs")
    before = work.writes()
    assert orchestrator.create_or_update_job("a") == job_id
    assert work.writes() == before
    assert JobTable(work.table, work.spark).read()["a"].job_id == job_id


def test_run_starts_each_job_and_says_which(work: Work) -> None:
    work.load(("a", [notebook("n1")]), ("b", [notebook("n1")]))
    done = work.orchestrator().run_all_modules(auto_run=True)
    assert [(each.module_name, each.result, each.error) for each in done] == [
        ("a", "created", ""),
        ("b", "created", ""),
    ]
    assert all(each.run_id for each in done)
    again = work.orchestrator().run_module("a")
    assert again.run_id not in (None, done[0].run_id)
    assert work.client.jobs.get_run(again.run_id or 0).job_id == done[0].job_id


def test_unknown_module_names_the_nearest(work: Work) -> None:
    work.load(("orders", [notebook("n1")]))
    with pytest.raises(UsageError) as raised:
        work.orchestrator().create_or_update_job("order")
    assert (raised.value.code, raised.value.hint) == (
        "MODULE_UNKNOWN",
        "Did you mean 'orders'?",
    )


def test_name_prefix_keeps_targets_apart(work: Work) -> None:
    work.load(("a", [notebook("n1")]))
    assert [each.result for each in work.orchestrator(name_prefix="[dev] ").apply()] == ["created"]
    assert list(work.jobs()) == ["[dev] a"]


def test_hostile_module_name_is_a_name(work: Work) -> None:
    hostile = "x'; DROP TABLE main.ops.t; -- `\"{{y}}"
    work.load((hostile, [notebook("n1")]))
    assert results(work.orchestrator()) == {hostile: "created"}
    assert list(work.jobs()) == [hostile]
    assert JobTable(work.table, work.spark).read()[hostile].last_result == "created"
