"""The Jobs API through a proxy that fails: what is asked for happens once, or is refused."""

from __future__ import annotations

import threading

import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound
from databricks.sdk.service.jobs import JobSettings

from faulty_server import FaultyServer
from headwater.dev.minilake import Minilake
from headwater.errors import DeploymentError
from headwater.tagged_jobs.tags import TAG
from job_meta_support import client_of, needs_minilake
from lakeflow_job_meta.definitions import SavedQuery
from lakeflow_job_meta.workspace import Workspace

pytestmark = [pytest.mark.servers, needs_minilake]

KEY = "k" * 32
CREATE = "/api/2.2/jobs/create"
QUERIES = "/api/2.0/sql/queries"
QUERY = SavedQuery("s", "lakeflow_job_meta k s", "SELECT 1", "w")


@pytest.fixture
def workspace(proxy: FaultyServer) -> Workspace:
    return Workspace(client_of(proxy.endpoint, 2), retry_seconds=30)


def settings(name: str = "orders", key: str = KEY) -> JobSettings:
    return JobSettings(name=name, tags={TAG: key}, tasks=[])


@pytest.mark.parametrize("kind", ["429", "500", "503", "cut before", "cut after", "silence"])
def test_create_makes_one_job_whatever_the_answer(
    workspace: Workspace, proxy: FaultyServer, kind: str
) -> None:
    proxy.fail_next(CREATE, kind, kind)
    job_id = workspace.create_job(settings(), KEY)
    assert [job.job_id for job in workspace.list_jobs()] == [job_id]
    assert proxy.faults[kind] >= 1


def test_create_is_refused_at_once_for_good(workspace: Workspace, proxy: FaultyServer) -> None:
    with pytest.raises(NotFound):
        workspace.reset_job(1, settings())
    assert proxy.calls["POST /api/2.2/jobs/reset"] == 1


def test_api_that_stays_away_is_named(proxy: FaultyServer) -> None:
    proxy.is_down = True
    with pytest.raises(DeploymentError) as raised:
        Workspace(client_of(proxy.endpoint, 2), retry_seconds=2).list_jobs()
    assert raised.value.code == "API_UNREACHABLE"
    assert "Nothing is lost" in raised.value.hint


def test_api_that_is_away_is_not_waited_for_when_it_is_time_to_stop(proxy: FaultyServer) -> None:
    proxy.is_down = True
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(DeploymentError, match="API_UNREACHABLE"):
        Workspace(client_of(proxy.endpoint, 2), retry_seconds=600, stopping=stopping).list_jobs()
    assert proxy.calls["GET /api/2.2/jobs/list"] == 1


def test_two_jobs_of_one_key_are_never_chosen_between(
    workspace: Workspace, proxy: FaultyServer
) -> None:
    ids = [workspace.create_job(settings(), KEY) for _ in range(2)]
    proxy.fail_next(CREATE, "500")
    with pytest.raises(DeploymentError) as raised:
        workspace.create_job(settings(), KEY)
    assert raised.value.code == "JOB_AMBIGUOUS"
    assert all(str(each) in raised.value.message for each in ids)


def test_reset_survives_lost_answers(workspace: Workspace, proxy: FaultyServer) -> None:
    job_id = workspace.create_job(settings(), KEY)
    proxy.fail_next("/jobs/reset", "cut after", "503", "cut before")
    workspace.reset_job(job_id, settings("renamed"))
    assert [(job.job_id, job.name) for job in workspace.list_jobs()] == [(job_id, "renamed")]


def test_delete_is_done_when_its_answer_was_lost(workspace: Workspace, proxy: FaultyServer) -> None:
    job_id = workspace.create_job(settings(), KEY)
    proxy.fail_next("/jobs/delete", "cut after")
    assert workspace.delete_job(job_id, KEY)
    assert not workspace.delete_job(job_id, KEY)
    assert workspace.list_jobs() == []


def test_delete_refuses_a_job_of_others(workspace: Workspace, workspace_server: Minilake) -> None:
    foreign = client_of(workspace_server.host).jobs.create(name="mine", tasks=[]).job_id or 0
    with pytest.raises(DeploymentError) as raised:
        workspace.delete_job(foreign, KEY)
    assert raised.value.code == "JOB_NOT_OURS"
    assert [job.job_id for job in workspace.list_jobs()] == [foreign]


@pytest.mark.parametrize("kind", ["500", "cut before", "cut after"])
def test_saved_query_is_made_once(workspace: Workspace, proxy: FaultyServer, kind: str) -> None:
    proxy.fail_next(QUERIES, kind, kind)
    made = workspace.create_query(QUERY, KEY)
    assert workspace.create_query(QUERY, KEY) == made


def test_saved_query_of_others_is_not_taken(
    workspace: Workspace, workspace_server: Minilake
) -> None:
    workspace.create_query(QUERY, "another key")
    with pytest.raises(DeploymentError) as raised:
        workspace.create_query(QUERY, KEY)
    assert raised.value.code == "QUERY_NAME_TAKEN"


def test_invalid_request_is_asked_once(workspace: Workspace, proxy: FaultyServer) -> None:
    query_id = workspace.create_query(QUERY, KEY)
    unknown = SavedQuery("s", QUERY.display_name, "SELECT 1", "w", (("p", "1"),))
    path = f"PATCH {QUERIES}/{query_id}"
    with pytest.raises(InvalidParameterValue):  # the emulator knows no parameters of queries
        workspace.update_query(query_id, unknown, has_new_parameters=True)
    assert proxy.calls[path] == 1
