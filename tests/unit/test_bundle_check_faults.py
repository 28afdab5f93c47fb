"""Broken bundles, one fault each: every one is found with its code, its line and a hint."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import pytest

from headwater.bundle_check import check_bundle
from headwater.finding import Finding, Severity

JOB = """
resources:
  jobs:
    nightly:
      tasks:
        - task_key: load
          notebook_task: {notebook_path: load.py}
"""
DEVELOPMENT = f"{JOB}targets:\n  dev:\n    mode: development\n    presets:\n"
WHEEL = """
resources:
  jobs:
    nightly:
      tasks:
        - task_key: load
          python_wheel_task: {package_name: %s, entry_point: %s}  # here
"""
PROJECT = '[project]\nname = "demo-etl"\n[project.scripts]\nload = "demo_etl.main:load"\n'
HERE = "# here"
"""Marks the line of the fault."""


class Case(NamedTuple):
    name: str
    code: str
    severity: Severity
    main: str
    files: dict[str, str] = {}  # noqa: RUF012 - of a tuple: never changed


CASES = [
    Case(
        "unknown field of a job",
        "BUNDLE_KEY_UNKNOWN",
        "warning",
        JOB + "      max_concurent_runs: 1  # here\n",
    ),
    Case(
        "time-out below zero",
        "NUMBER_TOO_SMALL",
        "error",
        JOB + "          timeout_seconds: -1  # here\n",
    ),
    Case(
        "inputs that are no list",
        "INPUTS_INVALID",
        "error",
        """
        resources:
          jobs:
            nightly:
              tasks:
                - task_key: each
                  for_each_task:
                    inputs: a, b  # here
                    task: {task_key: one, run_job_task: {job_id: 1}}
        """,
    ),
    Case(
        "outcome of a task that is no condition",
        "OUTCOME_WITHOUT_CONDITION",
        "error",
        JOB
        + """\
        - task_key: then
          depends_on: [{task_key: load, outcome: "true"}]  # here
          run_job_task: {job_id: 1}
""",
    ),
    Case(
        "unknown field of a task",
        "BUNDLE_KEY_UNKNOWN",
        "warning",
        JOB + "          timeout_second: 60  # here\n",
    ),
    Case(
        "unknown field of the kind of a task",
        "BUNDLE_KEY_UNKNOWN",
        "warning",
        """
        resources:
          jobs:
            nightly:
              tasks:
                - task_key: load
                  notebook_task:
                    notebook_path: load.py
                    base_parameter: {day: today}  # here
        """,
    ),
    Case(
        "unknown field of a pipeline",
        "BUNDLE_KEY_UNKNOWN",
        "warning",
        """
        resources:
          pipelines:
            flow:
              schema: bronze
              serverles: true  # here
        """,
    ),
    Case(
        "unknown field of a rarer kind",
        "BUNDLE_KEY_UNKNOWN",
        "warning",
        "resources: {sql_warehouses: {main: {name: main, autostop_mins: 5}}}  # here\n",
    ),
    Case("unknown section", "BUNDLE_KEY_UNKNOWN", "warning", "resource: {}  # here\n"),
    Case(
        "a text for a number",
        "BUNDLE_TYPE_WRONG",
        "error",
        JOB + "          max_retries: often  # here\n",
    ),
    Case(
        "a text for a list",
        "BUNDLE_TYPE_WRONG",
        "error",
        JOB + "          depends_on: extract  # here\n",
    ),
    Case(
        "a map for a text",
        "BUNDLE_TYPE_WRONG",
        "error",
        JOB + "      description: {text: x}  # here\n",
    ),
    Case(
        "a text for a flag, while the files are read",
        "BUNDLE_TYPE_WRONG",
        "error",
        """
        resources:
          pipelines:
            flow:
              schema: bronze
              continuous: sometimes  # here
        """,
    ),
    Case(
        "a value that is none of a few",
        "BUNDLE_VALUE_WRONG",
        "warning",
        JOB + "          run_if: ALL_SUCCEEDED  # here\n",
    ),
    Case(
        "a schedule without a time zone",
        "BUNDLE_KEY_MISSING",
        "error",
        JOB + "      schedule: {quartz_cron_expression: 0 0 6 * * ?}  # here\n",
    ),
    Case(
        "a task that waits for none",
        "DEPENDENCY_UNKNOWN",
        "error",
        JOB + "          depends_on:\n            - task_key: extract  # here\n",
    ),
    Case(
        "tasks that wait for each other",
        "DEPENDENCY_CYCLE",
        "error",
        JOB + "          depends_on: [{task_key: load}]\n",
    ),
    Case(
        "two tasks of one key",
        "TASK_KEY_DUPLICATE",
        "error",
        JOB
        + "        - task_key: load  # here\n          notebook_task: {notebook_path: load.py}\n",
    ),
    Case(
        "two clusters of one key",
        "JOB_CLUSTER_KEY_DUPLICATE",
        "error",
        JOB
        + "      job_clusters:\n        - job_cluster_key: main\n"
        + "        - job_cluster_key: main  # here\n",
    ),
    Case(
        "undefined environment",
        "ENVIRONMENT_UNDEFINED",
        "error",
        JOB
        + "          environment_key: defualt  # here\n"
        + "      environments: [{environment_key: default}]\n",
    ),
    Case(
        "undefined cluster",
        "JOB_CLUSTER_UNDEFINED",
        "error",
        JOB + "          job_cluster_key: main  # here\n",
    ),
    Case(
        "undefined cluster in a loop",
        "JOB_CLUSTER_UNDEFINED",
        "error",
        """
        resources:
          jobs:
            nightly:
              tasks:
                - task_key: loop
                  for_each_task:
                    inputs: "[1, 2]"
                    task:
                      task_key: each
                      job_cluster_key: main  # here
                      notebook_task: {notebook_path: load.py}
        """,
    ),
    Case(
        "two kinds in one task",
        "TASK_KIND_AMBIGUOUS",
        "error",
        JOB + "          spark_python_task: {python_file: load.py}  # here\n",
    ),
    Case(
        "no kind in a task",
        "TASK_KIND_MISSING",
        "error",
        JOB + "        - task_key: more  # here\n",
    ),
    Case(
        "a glob of a pipeline that matches nothing",
        "LIBRARY_EMPTY",
        "error",
        """
        resources:
          pipelines:
            flow:
              schema: bronze
              libraries:
                - glob:
                    include: sources/**  # here
        """,
    ),
    Case(
        "a source file of a pipeline that does not exist",
        "LIBRARY_EMPTY",
        "error",
        """
        resources:
          pipelines:
            flow:
              schema: bronze
              libraries:
                - file:
                    path: lod.py  # here
        """,
    ),
    Case(
        "an include whose folder is spelled wrong",
        "BUNDLE_INCLUDE_EMPTY",
        "warning",
        "include:\n  - resource/*.yml  # here\n",
        {"resources/a.yml": "{}"},
    ),
    Case(
        "an include with another suffix",
        "BUNDLE_INCLUDE_EMPTY",
        "warning",
        "include:\n  - resources/*.yml  # here\n",
        {"resources/a.yaml": "{}"},
    ),
    Case(
        "an included file that does not exist",
        "BUNDLE_INCLUDE_EMPTY",
        "error",
        "include:\n  - resources/a.yml  # here\n",
    ),
    Case(
        "a cron expression of Unix",
        "CRON_INVALID",
        "error",
        JOB
        + "      schedule:\n        timezone_id: UTC\n"
        + "        quartz_cron_expression: 0 6 * * *  # here\n",
    ),
    Case(
        "a cron expression of a pipeline",
        "CRON_INVALID",
        "error",
        """
        resources:
          pipelines:
            flow:
              schema: bronze
              trigger:
                cron:
                  quartz_cron_schedule: 0 0 25 * * ?  # here
                  timezone_id: UTC
        """,
    ),
    Case(
        "production without run_as",
        "RUN_AS_MISSING",
        "warning",
        JOB + "targets:\n  prod:  # here\n    mode: production\n    workspace: {root_path: /x}\n",
    ),
    Case(
        "production without a folder of its own",
        "ROOT_PATH_MISSING",
        "warning",
        JOB + "permissions: [{level: CAN_MANAGE, group_name: ops}]\n"
        "targets:\n  prod:  # here\n    mode: production\n",
    ),
    Case(
        "production without a folder of its own, run by one principal",
        "ROOT_PATH_MISSING",
        "warning",
        JOB + "run_as: {service_principal_name: sp}\n"
        "targets:\n  prod:  # here\n    mode: production\n",
    ),
    Case(
        "triggers that a preset unpauses in development",
        "PRESET_INVALID",
        "error",
        DEVELOPMENT + "      trigger_pause_status: UNPAUSED  # here\n",
    ),
    Case(
        "a level that no whole bundle has",
        "PERMISSION_LEVEL_INVALID",
        "error",
        JOB + "permissions:\n  - {group_name: ops, level: CAN_MANAGE_RUN}  # here\n",
    ),
    Case(
        "permissions of a job for somebody who has them everywhere",
        "PERMISSIONS_OVERLAP",
        "warning",
        JOB + "      permissions:\n        - {group_name: ops, level: CAN_VIEW}  # here\n"
        "permissions: [{group_name: '${var.ops}', level: CAN_MANAGE}]\n"
        "variables: {ops: {default: ops}}\n",
    ),
    Case(
        "a bundle that runs as two",
        "RUN_AS_INVALID",
        "error",
        JOB + "run_as:  # here\n  user_name: ann\n  service_principal_name: sp\n",
    ),
    Case(
        "a job that runs as nobody",
        "RUN_AS_INVALID",
        "error",
        JOB + "      run_as: {}  # here\n",
    ),
    Case(
        "a folder that users in development would share",
        "FOLDER_SHARED",
        "error",
        JOB + "targets:\n  dev:\n    mode: development\n"
        "    workspace:\n      root_path: /Shared/${bundle.name}  # here\n",
    ),
    Case(
        "a variable that looks up a kind that there is not",
        "BUNDLE_KEY_UNKNOWN",
        "warning",
        JOB + "variables:\n  w:\n    lookup:\n      warehose: Shared  # here\n",
    ),
    Case(
        "a variable that looks up two things",
        "LOOKUP_INVALID",
        "error",
        JOB + "variables:\n  w:\n    lookup:  # here\n      warehouse: a\n      cluster: b\n",
    ),
    Case(
        "an app beside a run_as of the whole bundle",
        "RUN_AS_UNSUPPORTED",
        "warning",
        "run_as: {service_principal_name: sp}\nresources:\n  apps:\n    a:  # here\n"
        "      name: a\n      source_code_path: .\n",
    ),
    Case(
        "production with a folder that is not its own",
        "ROOT_PATH_MISSING",
        "warning",
        JOB + "permissions: [{level: CAN_MANAGE, group_name: ops}]\n"
        "workspace: {root_path: /x}\ntargets:\n  prod:  # here\n    mode: production\n",
    ),
    Case(
        "an outcome that no condition has",
        "OUTCOME_INVALID",
        "error",
        JOB + "          depends_on: [{task_key: c, outcome: success}]  # here\n"
        "        - {task_key: c, condition_task: {op: EQUAL_TO, left: a, right: b}}\n",
    ),
    Case(
        "a prefix that is the same for all users",
        "PRESET_INVALID",
        "error",
        DEVELOPMENT + "      name_prefix: team_  # here\n",
    ),
    Case(
        "a literal volume path of a schema that is renamed",
        "VOLUME_PATH_LITERAL",
        "warning",
        """
        resources:
          schemas:
            bronze: {catalog_name: main, name: bronze}
          volumes:
            landing:
              catalog_name: main
              schema_name: ${resources.schemas.bronze.name}
              name: landing
          pipelines:
            flow:
              schema: ${resources.schemas.bronze.name}
              configuration:
                path: /Volumes/main/bronze/landing/in  # here
        targets:
          dev: {mode: development}
        """,
    ),
    Case(
        "a token of Databricks",
        "SECRET_IN_PLAIN_TEXT",
        "error",
        JOB + f"      tags: {{ci: dapi{'0a' * 16}}}  # here\n",
    ),
    Case(
        "a password by the name of its key",
        "SECRET_IN_PLAIN_TEXT",
        "warning",
        """
        variables:
          db_password:
            default: hunter2  # here
        """,
    ),
    Case(
        "a secret among options",
        "SECRET_IN_PLAIN_TEXT",
        "warning",
        """
        resources:
          jobs:
            nightly:
              tasks:
                - task_key: load
                  spark_python_task:
                    python_file: load.py
                    parameters:
                      - --client-secret=hunter2  # here
        """,
    ),
    Case(
        "an entry point that the project does not have",
        "ENTRY_POINT_UNKNOWN",
        "error",
        WHEEL % ("demo_etl", "lod"),
        {"pyproject.toml": PROJECT},
    ),
    Case(
        "a notebook without a file",
        "NOTEBOOK_NOT_FOUND",
        "error",
        """
        resources:
          jobs:
            nightly:
              tasks:
                - task_key: load
                  notebook_task:
                    notebook_path: ./lode.py  # here
        """,
    ),
    Case(
        "a script without a file",
        "FILE_NOT_FOUND",
        "error",
        """
        resources:
          jobs:
            nightly:
              tasks:
                - task_key: load
                  spark_python_task:
                    python_file: lode.py  # here
        """,
    ),
    Case(
        "a dashboard without a file",
        "FILE_NOT_FOUND",
        "error",
        """
        resources:
          dashboards:
            sales:
              display_name: Sales
              file_path: sales.lvdash.json  # here
        """,
    ),
    Case(
        "a wheel that nothing builds",
        "LIBRARY_EMPTY",
        "warning",
        JOB + "          libraries:\n            - whl: dist/*.whl  # here\n",
    ),
    Case(
        "a reference to a job that is not there",
        "REFERENCE_UNKNOWN",
        "error",
        JOB + "      tags: {other: '${resources.jobs.nihgtly.id}'}  # here\n",
    ),
    Case(
        "a reference with a first word that is spelled wrong",
        "REFERENCE_UNKNOWN",
        "warning",
        JOB + "      tags: {catalog: '${vars.catalog}'}  # here\n",
    ),
    Case(
        "a variable without a value",
        "VARIABLE_UNSET",
        "error",
        "variables:\n  catalog: {description: Where tables go.}  # here\n",
    ),
    Case(
        "an undefined variable",
        "VARIABLE_UNDEFINED",
        "error",
        JOB + "      description: In ${var.catalog}.  # here\n",
    ),
    Case("YAML that can't be read", "BUNDLE_YAML_INVALID", "error", "resources: [  \n} # here\n"),
    Case(
        "a block for merging under the name of a section",
        "BUNDLE_TYPE_WRONG",
        "warning",
        """
        permissions: &permissions  # here
          permissions:
            - {level: CAN_VIEW, group_name: users}
        """,
    ),
    Case(
        "permissions that are no list",
        "BUNDLE_TYPE_WRONG",
        "error",
        "permissions: {level: CAN_VIEW}  # here\n",
    ),
]


def written(folder: Path, case: Case) -> tuple[str, int]:
    """Write a bundle; return the file and the line of its fault."""
    texts = {"databricks.yml": "bundle:\n  name: demo\n" + dedent(case.main), "load.py": "x = 1\n"}
    for name, text in {**texts, **case.files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    lines = texts["databricks.yml"].splitlines()
    marked = next((n for n, line in enumerate(lines, 1) if HERE in line), None)
    first_task = next((n for n, line in enumerate(lines, 1) if "task_key" in line), 0)
    return str(folder / "databricks.yml"), marked or first_task


def findings(folder: Path) -> list[Finding]:
    return [finding for finding, _ in check_bundle(folder, all_targets=True).findings]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault_is_found_at_its_line_and_nothing_else(tmp_path: Path, case: Case) -> None:
    file, line = written(tmp_path, case)
    found = [
        (each.code, each.severity, each.location.file, each.location.line)
        for each in findings(tmp_path)
    ]
    assert found == [(case.code, case.severity, file, line)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault_has_a_hint(tmp_path: Path, case: Case) -> None:
    written(tmp_path, case)
    assert all(each.hint for each in findings(tmp_path))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("unknown field of a job", "max_concurrent_runs"),
        ("undefined environment", "default"),
        ("a value that is none of a few", "ALL_SUCCESS"),
        ("a notebook without a file", "load.py"),
        ("a reference to a job that is not there", "nightly"),
        ("a literal volume path of a schema that is renamed", "volumes.landing.volume_path"),
    ],
)
def test_hint_names_what_was_meant(tmp_path: Path, name: str, hint: str) -> None:
    written(tmp_path, next(case for case in CASES if case.name == name))
    assert hint in findings(tmp_path)[0].hint


@pytest.mark.parametrize("case", [each for each in CASES if each.code == "SECRET_IN_PLAIN_TEXT"])
def test_secret_is_in_no_finding(tmp_path: Path, case: Case) -> None:
    written(tmp_path, case)
    assert not any(text in repr(findings(tmp_path)) for text in ("hunter2", "dapi"))


def test_other_targets_are_checked_when_one_cannot_be_read(tmp_path: Path) -> None:
    main = JOB + "          max_retries: often\ntargets:\n  dev: {}\n  broken: {mode: half}\n"
    written(tmp_path, Case("", "", "error", main))
    found = check_bundle(tmp_path, all_targets=True)
    assert [(each.code, targets) for each, targets in found.findings] == [
        ("BUNDLE_TYPE_WRONG", ("dev",)),
        ("BUNDLE_VALUE_WRONG", ("broken",)),
    ]


def test_finding_of_several_targets_is_told_once(tmp_path: Path) -> None:
    written(tmp_path, Case("", "", "error", JOB + "      nam: x\ntargets: {dev: {}, test: {}}\n"))
    found = check_bundle(tmp_path, all_targets=True)
    assert [targets for _, targets in found.findings] == [("dev", "test")]


def test_two_default_targets_are_a_finding(tmp_path: Path) -> None:
    targets = "targets: {dev: {default: true}, test: {default: true}}\n"
    written(tmp_path, Case("", "", "error", targets))
    assert [each.code for each in findings(tmp_path)] == ["TARGET_AMBIGUOUS"]


def test_name_that_only_a_workspace_knows_is_no_fault(tmp_path: Path) -> None:
    main = """
    variables: {catalog: {lookup: {metastore: main}}}
    resources:
      schemas:
        bronze: {catalog_name: "${var.catalog}", name: bronze}
      volumes:
        landing: {catalog_name: "${var.catalog}", schema_name: bronze, name: landing}
    targets: {dev: {mode: development}}
    """
    written(tmp_path, Case("", "", "error", main))
    assert findings(tmp_path) == []


def test_items_of_one_key_are_no_fault_where_a_target_adds_to_them(tmp_path: Path) -> None:
    more = "targets: {dev: {resources: {jobs: {nightly: {tasks: [{task_key: load}]}}}}}\n"
    written(tmp_path, Case("", "", "error", JOB + more))
    assert findings(tmp_path) == []


def test_function_of_the_package_counts_as_an_entry_point(tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "src/demo_etl/__init__.py": "def lod(): ...\n"}
    written(tmp_path, Case("", "", "error", WHEEL % ("demo_etl", "lod"), files))
    assert findings(tmp_path) == []


@pytest.mark.parametrize(
    ("package", "project"),
    [
        ("requests", PROJECT),
        ("demo_etl", '[project]\nname = "demo-etl"\ndynamic = ["scripts"]\n'),
        ("demo_etl", "not TOML"),
    ],
)
def test_entry_point_of_which_nothing_is_known_is_not_judged(
    tmp_path: Path, package: str, project: str
) -> None:
    written(tmp_path, Case("", "", "error", WHEEL % (package, "lod"), {"pyproject.toml": project}))
    assert findings(tmp_path) == []


def test_include_ahead_of_its_files_is_no_fault(tmp_path: Path) -> None:
    main = "include: [resources/*.yml, resources/*/*.yml]\n"
    written(tmp_path, Case("", "", "error", main, {"resources/a.yml": "{}"}))
    assert findings(tmp_path) == []


def test_production_with_permissions_or_run_as_is_no_fault(tmp_path: Path) -> None:
    more = """
    permissions: [{level: CAN_MANAGE, group_name: ops}]
    targets: {prod: {mode: production, workspace: {root_path: /x}}}
    """
    written(tmp_path, Case("", "", "error", JOB + dedent(more)))
    assert findings(tmp_path) == []
    job = "      run_as: {user_name: a@example.org}\nworkspace: {root_path: /x}\n"
    production = "targets: {prod: {mode: production}}\n"
    written(tmp_path, Case("", "", "error", JOB + job + production))
    assert findings(tmp_path) == []


@pytest.mark.parametrize(
    "folder",
    ["~/.bundle", "/Users/${workspace.current_user.userName}/x", "/Shared/local", "${var.unknown}"],
)
def test_folder_of_the_user_is_no_fault_in_development(tmp_path: Path, folder: str) -> None:
    main = "variables: {unknown: {lookup: {cluster: c}}}\n" + JOB
    target = f"targets: {{dev: {{mode: development, workspace: {{root_path: '{folder}'}}}}}}\n"
    artifacts = "workspace: {artifact_path: '${workspace.root_path}/wheels'}\n"
    written(tmp_path, Case("", "", "error", main + artifacts + target))
    assert findings(tmp_path) == []


def test_bundle_without_a_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "databricks.yml").write_text("bundle: {uuid: x}\n")
    (one,) = findings(tmp_path)
    assert (one.code, one.severity, one.location.line) == ("BUNDLE_NAME_MISSING", "error", 1)


def test_several_faults_of_type_are_found_at_once(tmp_path: Path) -> None:
    main = """
    resources:
      pipelines:
        one: {schema: a, continuous: sometimes}
        two: {schema: [b], serverless: 5}
    """
    written(tmp_path, Case("", "", "error", main))
    assert [(each.code, each.location.line) for each in findings(tmp_path)] == [
        ("BUNDLE_TYPE_WRONG", 6),
        ("BUNDLE_TYPE_WRONG", 7),
        ("BUNDLE_TYPE_WRONG", 7),
    ]


def test_include_of_an_included_file_is_an_error(tmp_path: Path) -> None:
    files = {"resources/a.yml": "include: [b.yml]\n"}
    written(tmp_path, Case("", "", "error", "include: [resources/*.yml]\n", files))
    assert [(each.code, each.severity) for each in findings(tmp_path)] == [
        ("BUNDLE_KEY_UNKNOWN", "error")
    ]


def test_include_of_nothing_is_no_fault_where_no_yaml_is_left(tmp_path: Path) -> None:
    files = {"src/sales.lvdash.json": "{}", ".github/workflows/ci.yml": "{}"}
    written(tmp_path, Case("", "", "error", "include: ['*/*.yml', 'src/*.yml']\n", files))
    assert findings(tmp_path) == []


@pytest.mark.parametrize(("paths", "count"), [("[.]", 1), ("[., ../shared]", 0)])
def test_path_of_the_workspace_is_judged_where_it_is_the_bundle_itself(
    tmp_path: Path, paths: str, count: int
) -> None:
    main = f"""
    sync: {{paths: {paths}}}
    resources: {{pipelines: {{flow: {{schema: a, root_path: "${{workspace.file_path}}/flow"}}}}}}
    """
    (tmp_path / "shared").mkdir()
    written(tmp_path / "demo", Case("", "", "error", main))
    assert len(findings(tmp_path / "demo")) == count


def test_secret_that_a_reference_leads_to_is_in_no_finding(tmp_path: Path) -> None:
    main = "variables: {token: {default: hunter2}}\n" + JOB + "          run_if: ${var.token}\n"
    written(tmp_path, Case("", "", "error", main))
    assert {each.code for each in findings(tmp_path)} == {
        "SECRET_IN_PLAIN_TEXT",
        "BUNDLE_VALUE_WRONG",
    }
    assert "hunter2" not in repr(findings(tmp_path))
