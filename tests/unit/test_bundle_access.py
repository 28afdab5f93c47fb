"""What a bundle says once for all its resources: permissions, and who runs them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from headwater.bundle.load import read_target
from headwater.bundle.resolved import shown_tree
from headwater.errors import BundleError

MAIN = """
bundle: {name: demo}
variables:
  ops: {default: operators}
  all: {type: complex, default: [{group_name: readers, level: CAN_VIEW}]}
  manager: {default: CAN_MANAGE}
permissions: ${var.all}
run_as: {service_principal_name: sp}
resources:
  jobs:
    nightly:
      permissions: [{group_name: operators, level: CAN_VIEW}]
      tasks: [{task_key: load, notebook_task: {notebook_path: load.py}}]
    hourly:
      run_as: {user_name: bot}
      tasks: [{task_key: load, notebook_task: {notebook_path: load.py}}]
  pipelines:
    flow: {catalog: main, schema: bronze}
  dashboards:
    page: {display_name: page, file_path: page.json}
  schemas:
    bronze: {catalog_name: main, name: bronze}
  secret_scopes:
    keys: {name: keys}
targets:
  plain: {}
  prod:
    permissions:
      - {group_name: "${var.ops}", level: CAN_RUN}
      - {user_name: ann, level: "${var.manager}"}
    run_as: {user_name: ann}
"""


def shown(folder: Path, target: str, main: str = MAIN) -> dict[str, dict[str, object]]:
    """Return the resources that a target sees, by kind and key."""
    (folder / "databricks.yml").write_text(dedent(main))
    seen = read_target(folder, target, variables={}, environment={}, user_name="local")
    found: list[BundleError] = []
    tree = shown_tree(seen, found.append).plain()
    assert isinstance(tree, dict) and not found
    return {
        f"{kind}.{key}": resource
        for kind, resources in tree["resources"].items()
        for key, resource in resources.items()
    }


def test_permissions_reach_each_resource_with_the_level_of_its_kind(tmp_path: Path) -> None:
    seen = shown(tmp_path, "prod", MAIN.replace("permissions: ${var.all}", ""))
    ann = {"user_name": "ann", "level": "CAN_MANAGE"}
    assert seen["jobs.hourly"]["permissions"] == [
        {"group_name": "operators", "level": "CAN_MANAGE_RUN"},
        ann,
    ]
    assert seen["pipelines.flow"]["permissions"] == [
        {"group_name": "operators", "level": "CAN_RUN"},
        ann,
    ]
    assert seen["dashboards.page"]["permissions"] == [ann]  # nothing to run
    assert seen["secret_scopes.keys"]["permissions"] == [{"user_name": "ann", "level": "MANAGE"}]
    assert "permissions" not in seen["schemas.bronze"]  # it has grants


def test_own_word_of_a_resource_counts(tmp_path: Path) -> None:
    seen = shown(tmp_path, "prod", MAIN.replace("permissions: ${var.all}", ""))
    assert seen["jobs.nightly"]["permissions"] == [
        {"group_name": "operators", "level": "CAN_VIEW"},
        {"user_name": "ann", "level": "CAN_MANAGE"},
    ]
    assert seen["jobs.hourly"]["run_as"] == {"user_name": "bot"}
    assert seen["jobs.nightly"]["run_as"] == {"user_name": "ann"}
    assert seen["pipelines.flow"]["run_as"] == {"user_name": "ann"}


def test_permissions_may_be_a_variable_as_a_whole(tmp_path: Path) -> None:
    seen = shown(tmp_path, "plain")
    assert seen["dashboards.page"]["permissions"] == [
        {"group_name": "readers", "level": "CAN_READ"}
    ]
    assert seen["pipelines.flow"]["run_as"] == {"service_principal_name": "sp"}


def test_permissions_of_variables_count(tmp_path: Path) -> None:
    main = """
    bundle: {name: demo}
    variables:
      one: {type: complex, default: {group_name: readers, level: CAN_VIEW}}
      own: {type: complex, default: [{user_name: ann, level: IS_OWNER}]}
    permissions: ["${var.one}"]
    resources:
      jobs:
        nightly: {permissions: "${var.own}", tasks: []}
    targets: {dev: {}}
    """
    assert shown(tmp_path, "dev", main)["jobs.nightly"]["permissions"] == [
        {"user_name": "ann", "level": "IS_OWNER"},
        {"group_name": "readers", "level": "CAN_VIEW"},
    ]


def test_items_of_lists_with_a_key_become_one(tmp_path: Path) -> None:
    main = """
    bundle: {name: demo}
    variables: {cluster: {default: main}}
    resources:
      jobs:
        nightly:
          job_clusters: [{job_cluster_key: main, new_cluster: {num_workers: 1}}]
      schemas:
        bronze:
          catalog_name: main
          name: bronze
          grants: [{principal: a, privileges: [SELECT]}]
    targets:
      dev:
        resources:
          jobs:
            nightly:
              job_clusters:
                - {job_cluster_key: "${var.cluster}", new_cluster: {node_type_id: x}}
          schemas: {bronze: {grants: [{principal: a, privileges: [MODIFY]}]}}
    """
    seen = shown(tmp_path, "dev", main)
    assert seen["jobs.nightly"]["job_clusters"] == [
        {"job_cluster_key": "main", "new_cluster": {"num_workers": 1, "node_type_id": "x"}}
    ]
    assert seen["schemas.bronze"]["grants"] == [
        {"principal": "a", "privileges": ["SELECT", "MODIFY"]}
    ]
