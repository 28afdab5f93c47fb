"""From sources to job definitions, and from definitions to a plan; no API, no Spark."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from databricks.sdk.service.jobs import JobSettings

from headwater.errors import DeploymentError
from headwater.tagged_jobs.api import DeployedJob
from headwater.tagged_jobs.found import Deployed
from headwater.tagged_jobs.settings import checked_settings
from headwater.tagged_jobs.tags import TAG, TAG_HASH, TAG_TABLE
from lakeflow_job_meta.definitions import job_definition, job_key, module_faults, table_key
from lakeflow_job_meta.job_table import TrackedJob
from lakeflow_job_meta.plan import Action, Step, plan_steps
from lakeflow_job_meta.saved_queries import with_query_ids
from lakeflow_job_meta.sources import Source, read_source, source_row

TABLE = "main.ops.control"


def query(source_id: str, order: int | None = 1, **config: Any) -> Source:
    sql = {"warehouse_id": "w", "sql_query": f"SELECT '{source_id}'"}
    given = {"task_type": "sql_query", "sql_task": sql, **config}
    return Source(source_id, "orders", "sql", order, transformation_config=given)


LOOP = {
    "task_type": "for_each",
    "inputs": [1],
    "task": {"task_type": "notebook", "notebook_path": "/n"},
}


def test_definition_does_not_depend_on_the_order_of_rows() -> None:
    rows = [query("a"), query("b"), query("c", 2)]
    assert job_definition(rows, TABLE) == job_definition(rows[::-1], TABLE)


@pytest.mark.parametrize(
    "changed",
    [
        query("b", 3),
        query("b", timeout_seconds=5),
        query("b", sql_task={"warehouse_id": "w", "sql_query": "SELECT 2"}),
        replace(query("b"), module_config={"description": "x"}),
    ],
)
def test_every_change_of_a_source_changes_the_hash(changed: Source) -> None:
    before = job_definition([query("a"), query("b")], TABLE)
    assert job_definition([query("a"), changed], TABLE).hash != before.hash


def test_tags_name_the_module_and_the_table_beside_the_users_own() -> None:
    source = replace(query("a"), module_config={"tags": {"team": "x", TAG: "mine"}})
    definition = job_definition([source], TABLE)
    assert definition.settings["tags"] == {
        "team": "x",
        TAG: job_key(TABLE, "orders"),
        TAG_HASH: definition.hash,
        TAG_TABLE: table_key(TABLE),
    }
    assert job_key("`main`.ops.control", "orders") == job_key(TABLE, "orders")


def test_settings_are_known_to_the_sdk_and_query_ids_are_filled_in() -> None:
    loop = query("b", inputs="[1]", task_type="for_each", task=query("x").transformation_config)
    del loop.transformation_config["sql_task"]  # type: ignore[attr-defined]  # a dict here
    definition = job_definition([query("a"), loop], TABLE)
    settings = with_query_ids(definition, {"a": ("q1", ""), "b": ("q2", "")})
    assert checked_settings(settings) == JobSettings.from_dict(settings)
    first, second = settings["tasks"]
    assert first["sql_task"]["query"] == {"query_id": "q1"}
    assert second["for_each_task"]["task"]["sql_task"]["query"] == {"query_id": "q2"}


def test_setting_that_the_sdk_would_drop_is_named() -> None:
    source = query("a", email_notifications={"on_failur": ["a@example.com"]})
    settings = with_query_ids(job_definition([source], TABLE), {"a": ("q", "")})
    with pytest.raises(DeploymentError) as raised:
        checked_settings(settings)
    assert raised.value.code == "SETTING_UNKNOWN"
    assert "tasks[0].email_notifications.on_failur" in raised.value.message


def test_setting_that_the_sdk_would_drop_is_a_fault_of_its_source() -> None:
    sources = [query("a"), query("b", email_notifications={"on_failur": ["a@example.com"]})]
    (fault,) = module_faults(sources)
    assert (fault.code, fault.source_id) == ("SETTING_UNKNOWN", "b")
    no_mapping = replace(query("a"), module_config={"parameters": ["x"]})
    assert [each.code for each in module_faults([no_mapping])] == ["FIELD_VALUE"]


def test_compute_of_tasks_is_listed_once_in_the_job() -> None:
    environment = {"environment_version": "4", "dependencies": ["x"]}
    sources = [
        query("a", environment_key="e", environment=environment),
        query("b", environment_key="e"),
        query("c", job_cluster_key="k", new_cluster={"num_workers": 1}),
    ]
    assert module_faults(sources) == []
    settings = job_definition(sources, TABLE).settings
    assert settings["environments"] == [{"environment_key": "e", "spec": environment}]
    assert settings["job_clusters"] == [{"job_cluster_key": "k", "new_cluster": {"num_workers": 1}}]


@pytest.mark.parametrize(
    ("sources", "code"),
    [
        ([query("a", environment_key="e")], "COMPUTE_UNKNOWN"),
        (
            [
                query("a", environment_key="e", environment={"client": "1"}),
                query("b", environment_key="e", environment={"client": "2"}),
            ],
            "COMPUTE_CONFLICT",
        ),
        (
            [
                replace(query("a"), module_config={"description": "x"}),
                replace(query("b"), module_config={"description": "y"}),
            ],
            "MODULE_CONFIG_CONFLICT",
        ),
        ([query(f"s{number}") for number in range(1001)], "TASKS_TOO_MANY"),
        (
            [
                query("a_iteration"),
                Source("a", "orders", "sql", 1, transformation_config=LOOP),
            ],
            "TASK_KEY_DUPLICATE",
        ),
        (
            [
                replace(
                    query("a"),
                    module_config={"tags": {f"t{number}": "x" for number in range(23)}},
                )
            ],
            "TAGS_TOO_MANY",
        ),
        ([query("a{{job.id}}")], "SOURCE_ID_REFERENCE"),
        (
            [
                replace(
                    query("a"),
                    module_config={
                        "environments": [
                            {"environment_key": "e", "spec": {"client": "1"}},
                            {"environment_key": "e", "spec": {"client": "2"}},
                        ]
                    },
                )
            ],
            "COMPUTE_CONFLICT",
        ),
        (
            [replace(query("a"), module_config={"environments": [{"environment_ky": "e"}]})],
            "FIELD_MISSING",
        ),
        (
            [
                replace(
                    query("a"), module_config={"email_notifications": {"on_failure": "ops@x.io"}}
                )
            ],
            "SETTING_UNKNOWN",
        ),
    ],
)
def test_faults_of_a_module(sources: list[Source], code: str) -> None:
    assert [fault.code for fault in module_faults(sources)] == [code]


def step(
    *jobs: DeployedJob, tracked: TrackedJob | None = None, sources: tuple[Source, ...] = ()
) -> Step:
    definition = job_definition(sources or [query("a")], TABLE)
    steps = plan_steps(
        [definition],
        {},
        {"orders": tracked} if tracked else {},
        Deployed(jobs),
        table=table_key(TABLE),
        keys_of_invalid=(),
    )
    return next(each for each in steps if each.module_name == "orders")


DEFINITION = job_definition([query("a")], TABLE)
RECORD = TrackedJob(
    "orders", 1, DEFINITION.hash, {"a": ("q", DEFINITION.queries[0].digest)}, "created"
)
OURS = DeployedJob(1, "orders", DEFINITION.key, DEFINITION.hash, table_key(TABLE))


@pytest.mark.parametrize(
    ("jobs", "tracked", "expected"),
    [
        ((), None, (Action.CREATE, None, True)),
        ((), TrackedJob("orders", 1, DEFINITION.hash), (Action.CREATE, None, True)),
        ((OURS,), RECORD, (Action.UNCHANGED, 1, True)),
        ((OURS,), None, (Action.UNCHANGED, 1, False)),  # a crash before the record
        ((replace(OURS, hash="old"),), None, (Action.UPDATE, 1, False)),
        (
            (replace(OURS, name="renamed"),),
            RECORD,
            (Action.UNCHANGED, 1, True),
        ),
        ((replace(OURS, name="renamed"),), None, (Action.UNCHANGED, 1, False)),
        (
            (OURS, replace(OURS, job_id=2, name="Clone of orders")),
            RECORD,
            (Action.UNCHANGED, 1, True),
        ),
        ((OURS,), replace(RECORD, queries={"a": ("q", "other")}), (Action.UPDATE, 1, True)),
        ((OURS,), replace(RECORD, queries={}), (Action.UPDATE, 1, True)),  # deleted by hand
        ((OURS,), replace(RECORD, last_result="failed: X"), (Action.UNCHANGED, 1, False)),
    ],
)
def test_plan_compares_what_should_be_with_what_is(
    jobs: tuple[DeployedJob, ...],
    tracked: TrackedJob | None,
    expected: tuple[Action, int | None, bool],
) -> None:
    found = step(*jobs, tracked=tracked)
    assert (found.action, found.job_id, found.is_tracked) == expected


@pytest.mark.parametrize(
    ("jobs", "tracked", "code"),
    [
        ((OURS, replace(OURS, job_id=2)), None, "JOB_AMBIGUOUS"),
        ((OURS, replace(OURS, job_id=2)), RECORD, "JOB_AMBIGUOUS"),
        ((DeployedJob(1, "orders"),), None, "JOB_NAME_TAKEN"),
        ((OURS, DeployedJob(2, "orders")), None, "JOB_NAME_TAKEN"),
        ((DeployedJob(1, "orders"),), TrackedJob("orders", 1), "JOB_NOT_OURS"),
    ],
)
def test_plan_never_guesses(
    jobs: tuple[DeployedJob, ...], tracked: TrackedJob | None, code: str
) -> None:
    found = step(*jobs, tracked=tracked)
    assert (found.action, found.faults[0].code) == (Action.INVALID, code)
    assert all(str(job.job_id) in found.reason for job in jobs)


def test_recorded_job_that_is_not_listed_is_looked_at_before_it_counts_as_gone() -> None:
    seen: list[int] = []

    def look(job_id: int) -> DeployedJob:
        seen.append(job_id)
        return OURS

    (found,) = plan_steps(
        [DEFINITION],
        {},
        {"orders": RECORD},
        Deployed((), look),
        table=table_key(TABLE),
        keys_of_invalid=(),
    )
    assert (found.action, found.job_id, seen) == (Action.UNCHANGED, 1, [1])


@pytest.mark.parametrize(
    ("module_config", "config"),
    [
        ({"tags": None, "environments": None}, {}),
        ({"job_clusters": [{"job_cluster_key": [1]}]}, {}),
        ({}, {"sql_task": {"warehouse_id": "w", "sql_query": "SELECT 1", "parameters": None}}),
    ],
)
def test_empty_values_are_as_if_not_given(
    module_config: dict[str, Any], config: dict[str, Any]
) -> None:
    source = replace(query("a", **config), module_config=module_config)
    assert job_definition([source], TABLE).settings["tasks"]


def test_query_tells_new_parameters_from_a_new_text() -> None:
    sql = {"warehouse_id": "w", "sql_query": "SELECT :p"}
    (before,) = job_definition(
        [query("a", sql_task={**sql, "parameters": {"p": 1}})], TABLE
    ).queries
    (bare,) = job_definition([query("a", sql_task=sql)], TABLE).queries
    (text,) = job_definition(
        [query("a", sql_task={**sql, "parameters": {"p": 1}, "sql_query": "SELECT 1"})], TABLE
    ).queries
    assert not bare.has_parameters_of(before.digest)
    assert text.has_parameters_of(before.digest) and text.digest != before.digest


def test_job_without_a_module_is_orphaned_unless_it_is_another_tables() -> None:
    jobs = [
        replace(OURS, job_id=5, name="gone", key="x" * 32),
        DeployedJob(6, "elsewhere", "y" * 32, "h", "another table"),
        DeployedJob(7, "foreign"),
        replace(OURS, job_id=8, name="broken", key=job_key(TABLE, "broken")),
    ]
    steps = plan_steps(
        [],
        {"broken": []},
        {},
        Deployed(jobs),
        table=table_key(TABLE),
        keys_of_invalid=[job_key(TABLE, "broken")],
    )
    assert [(each.action, each.job_id) for each in steps] == [
        (Action.INVALID, None),
        (Action.ORPHANED, 5),
    ]


@pytest.mark.parametrize("is_recorded", [True, False])
def test_copy_of_a_job_without_a_module_is_never_deleted(is_recorded: bool) -> None:
    jobs = [OURS, replace(OURS, job_id=2, name="Clone of orders")]
    (found,) = plan_steps(
        [],
        {},
        {"orders": RECORD} if is_recorded else {},
        Deployed(jobs),
        table=table_key(TABLE),
        keys_of_invalid=(),
    )
    wanted = (Action.ORPHANED, 1) if is_recorded else (Action.INVALID, None)
    assert (found.action, found.job_id) == wanted
    assert is_recorded or found.faults[0].code == "JOB_AMBIGUOUS"


def test_row_and_source_are_the_same_thing() -> None:
    source = replace(query("a"), module_config={"description": "x"}, source_config={"é": "'; --"})
    again, faults = read_source(source_row(source), TABLE)
    assert (again, faults) == (source, ())
    assert again is not None and again.content_hash == source.content_hash


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"source_id": None}, "FIELD_MISSING"),
        ({"module_name": " "}, "FIELD_MISSING"),
        ({"target_config": "{"}, "JSON_INVALID"),
        ({"source_config": "[1]"}, "JSON_INVALID"),
    ],
)
def test_faulty_row_is_no_source(changed: dict[str, Any], code: str) -> None:
    source, faults = read_source({**source_row(query("a")), **changed}, TABLE)
    assert source is None
    assert [fault.code for fault in faults] == [code]
    assert faults[0].where.startswith(f"{TABLE}: ")
