"""Bundles of the shapes that Databricks' templates have: the check is silent about them."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from headwater.bundle_check import check_bundle

ROOT = Path(__file__).parents[2]

TARGETS = """
targets:
  dev:
    mode: development
    default: true
    workspace: {host: https://adb-1.example.net}
    variables:
      catalog: sandbox
      schema: ${workspace.current_user.short_name}
      notifications: []
  prod:
    mode: production
    workspace:
      host: https://adb-2.example.net
      root_path: /Workspace/Users/ops@example.org/.bundle/${bundle.name}/${bundle.target}
    variables: {catalog: sales, schema: live, notifications: [ops@example.org]}
    permissions:
      - {user_name: ops@example.org, level: CAN_MANAGE}
variables:
  catalog: {description: Where tables go.}
  schema: {description: "A schema, such as ${anything}."}
  notifications: {description: Who hears of failures.}
"""

PYTHON = {
    "databricks.yml": "bundle: {name: orders, uuid: 1b4e28ba-2fa1-11d2-883f-0016d3cca427}\n"
    "include: [resources/*.yml, resources/*/*.yml]\n"
    "artifacts:\n  wheel: {type: whl, build: uv build --wheel, dynamic_version: true}\n" + TARGETS,
    "resources/daily.job.yml": """
        resources:
          jobs:
            daily:
              name: daily
              trigger: {periodic: {interval: 1, unit: DAYS}}
              email_notifications: {on_failure: "${var.notifications}"}
              parameters:
                - {name: catalog, default: "${var.catalog}"}
                - {name: schema, default: "${var.schema}"}
              tasks:
                - task_key: explore
                  notebook_task: {notebook_path: ../src/explore.ipynb}
                - task_key: tables
                  depends_on: [{task_key: explore}]
                  pipeline_task: {pipeline_id: "${resources.pipelines.orders.id}"}
                - task_key: report
                  depends_on: [{task_key: tables}]
                  environment_key: default
                  python_wheel_task:
                    package_name: orders
                    entry_point: main
                    parameters: ["--catalog", "${var.catalog}", "--token-file", "{{job.run_id}}"]
              environments:
                - environment_key: default
                  spec: {environment_version: "4", dependencies: [../dist/*.whl]}
        """,
    "resources/orders.pipeline.yml": """
        resources:
          pipelines:
            orders:
              name: orders
              catalog: ${var.catalog}
              schema: ${var.schema}
              serverless: true
              root_path: ../src/orders_etl
              libraries: [{glob: {include: ../src/orders_etl/transformations/**}}]
              environment: {dependencies: ["--editable ${workspace.file_path}"]}
        """,
    "src/explore.ipynb": "{}",
    "src/orders_etl/transformations/clean.py": "x = 1\n",
    "pyproject.toml": '[project]\nname = "orders"\n[project.scripts]\nmain = "orders.main:main"\n',
}

CLUSTERS = {
    "databricks.yml": """
        bundle:
          name: clusters
          databricks_cli_version: ">= 0.218.0"
          deployment: {lock: {enabled: true}, fail_on_active_runs: false}
          git: {branch: main, origin_url: https://github.com/example/clusters}
        x-shared: &cluster
          spark_version: 16.4.x-scala2.12
          node_type_id: Standard_D4ds_v5
          data_security_mode: SINGLE_USER
          autoscale: {min_workers: 1, max_workers: "4"}
          spark_conf: {spark.databricks.delta.preview.enabled: true}
          spark_env_vars: {PATH_OF_TOOLS: "${HOME}/bin", KEY: "{{secrets/kv/key}}"}
        retries: &retries {max_retries: 2, retry_on_timeout: false}
        variables:
          warehouse: {lookup: {warehouse: Shared}}
          policy: {lookup: {cluster_policy: Small}}
          settings:
            type: complex
            default: {spark_version: 16.4.x-scala2.12, num_workers: 1}
          db_password: {default: "{{secrets/kv/db}}"}
        resources:
          jobs:
            nightly:
              name: nightly
              schedule:
                quartz_cron_expression: 44 37 8 * * ?
                timezone_id: Europe/Amsterdam
                pause_status: UNPAUSED
              continuous: null
              queue: {enabled: true}
              health: {rules: [{metric: RUN_DURATION_SECONDS, op: GREATER_THAN, value: 7200}]}
              webhook_notifications: {on_failure: [{id: a1}]}
              notification_settings: {no_alert_for_skipped_runs: true}
              permissions: [{group_name: users, level: CAN_VIEW}]
              tags: {team: data}
              job_clusters:
                - {job_cluster_key: main, new_cluster: *cluster}
                - job_cluster_key: small
                  new_cluster: ${var.settings}
              tasks:
                - task_key: load
                  job_cluster_key: main
                  <<: *retries
                  notebook_task:
                    notebook_path: ./load
                    base_parameters: {n: 1, flag: true}
                  libraries:
                    - pypi: {package: requests==2.32.3}
                    - maven: {coordinates: "com.example:x:1.0"}
                    - jar: /Volumes/main/libs/jars/x.jar
                - task_key: is_big
                  depends_on: [{task_key: load}]
                  condition_task: {op: GREATER_THAN, left: "{{tasks.load.values.n}}", right: "10"}
                - task_key: each
                  depends_on: [{task_key: is_big, outcome: "true"}]
                  run_if: ALL_DONE
                  for_each_task:
                    inputs: "{{tasks.load.values.days}}"
                    concurrency: 4
                    task:
                      task_key: day
                      job_cluster_key: small
                      spark_python_task: {python_file: dbfs:/jobs/day.py, parameters: ["{{input}}"]}
                - task_key: query
                  sql_task:
                    warehouse_id: ${var.warehouse}
                    file: {path: /Workspace/Shared/check.sql}
                - task_key: other
                  run_job_task: {job_id: "${resources.jobs.git.id}"}
            git:
              name: git
              git_source:
                git_url: https://github.com/example/etl
                git_provider: gitHub
                git_branch: main
              trigger: {file_arrival: {url: /Volumes/main/raw/in/}, pause_status: PAUSED}
              tasks:
                - task_key: only
                  new_cluster: {policy_id: "${var.policy}", num_workers: 0}
                  notebook_task: {notebook_path: jobs/only, source: GIT}
        targets:
          dev:
            mode: development
            cluster_id: 0101-abc
            presets:
              name_prefix: "${workspace.current_user.short_name}_"
              pipelines_development: true
              jobs_max_concurrent_runs: 2
              trigger_pause_status: PAUSED
              tags: {by: "${workspace.current_user.userName}"}
          prod:
            mode: production
            workspace: {root_path: "/Workspace/ops/${bundle.name}"}
            git: {branch: main}
            run_as: {service_principal_name: 00000000-0000-0000-0000-000000000000}
            variables: {settings: {spark_version: 17.3.x-scala2.13, num_workers: 8}}
            resources:
              jobs:
                nightly:
                  tasks:
                    - task_key: load
                      timeout_seconds: 600
        """,
    "load.py": "# Databricks notebook source\n",
}

SQL = {
    "databricks.yml": "bundle: {name: warehouse}\ninclude: [resources/*.yml]\n" + TARGETS,
    "resources/sql.job.yml": """
        resources:
          jobs:
            models:
              name: models
              tasks:
                - task_key: raw
                  sql_task:
                    warehouse_id: 4fe75792cd0d304c
                    file: {path: ../src/raw.sql}
                    parameters: {catalog: "${var.catalog}", bundle_target: "${bundle.target}"}
                - task_key: dbt
                  depends_on: [{task_key: raw}]
                  environment_key: default
                  dbt_task:
                    project_directory: ../
                    profiles_directory: dbt_profiles/
                    commands: ["dbt deps", "dbt run --target=${bundle.target}"]
              environments:
                - environment_key: default
                  spec: {client: "1", dependencies: ["dbt-databricks>=1.8,<2"]}
        """,
    "src/raw.sql": "SELECT 1\n",
    "dbt_project.yml": "name: warehouse\n",
}

MACHINE_LEARNING = {
    "databricks.yml": """
        bundle: {name: taxi}
        variables:
          experiment: {default: "/Users/${workspace.current_user.userName}/${bundle.target}-taxi"}
          model: {default: taxi}
        resources:
          experiments:
            taxi:
              name: ${var.experiment}
              permissions: [{level: CAN_READ, group_name: users}]
          registered_models:
            taxi_model:
              name: ${var.model}
              catalog_name: ${bundle.target}
              schema_name: ml
              grants: [{privileges: [EXECUTE], principal: account users}]
              depends_on_nothing: &anchor {unused: true}
          models:
            legacy: {name: "${bundle.target}-legacy", description: Of the registry.}
          model_serving_endpoints:
            taxi_endpoint:
              name: taxi
              config:
                served_entities:
                  - entity_name: ${resources.registered_models.taxi_model.id}
                    entity_version: "1"
                    workload_size: Small
                    scale_to_zero_enabled: true
                    environment_vars: {OPENAI_API_KEY: "{{secrets/ml/openai}}"}
                traffic_config: {routes: [{served_model_name: taxi-1, traffic_percentage: 100}]}
              permissions: [{level: CAN_QUERY, group_name: users}]
          quality_monitors:
            taxi_monitor:
              table_name: ${bundle.target}.ml.predictions
              output_schema_name: ${bundle.target}.ml
              assets_dir: /Workspace/Users/${workspace.current_user.userName}/monitoring
              inference_log:
                granularities: [1 day]
                model_id_col: model_id
                prediction_col: prediction
                label_col: price
                problem_type: PROBLEM_TYPE_REGRESSION
                timestamp_col: timestamp
              schedule: {quartz_cron_expression: 0 0 8 * * ?, timezone_id: UTC}
        targets:
          dev: {default: true}
          staging: {workspace: {host: https://adb-3.example.net}}
        """,
}

WORKSPACE = {
    "databricks.yml": """
        bundle: {name: assets}
        sync: {include: [dist/**], exclude: ["*.tmp"], paths: [app, .]}
        experimental: {python_wheel_wrapper: true}
        scripts: {seed: {content: "echo ${USER}"}}
        resources:
          apps:
            portal:
              name: portal
              source_code_path: ./app
              description: Shows the orders.
              config: {command: [flask, run], env: [{name: STAGE, value: "${bundle.target}"}]}
              resources:
                - name: job
                  job: {id: "${resources.jobs.sync.id}", permission: CAN_MANAGE_RUN}
                - name: secret
                  secret: {scope: portal, key: session, permission: READ}
              permissions: [{level: CAN_USE, group_name: users}]
          dashboards:
            orders:
              display_name: Orders
              file_path: ./orders.lvdash.json
              warehouse_id: ${var.warehouse}
              embed_credentials: false
              dataset_catalog: main
          alerts:
            none_today:
              display_name: No orders
              query_text: SELECT 1
              warehouse_id: ${var.warehouse}
              evaluation: {comparison_operator: EQUAL, source: {name: n}}
              schedule: {quartz_cron_schedule: 0 0 8 ? * MON-FRI, timezone_id: UTC}
          secret_scopes:
            keys: {name: portal, backend_type: DATABRICKS}
          sql_warehouses:
            main: {name: main, cluster_size: X-Small, auto_stop_mins: 5, max_num_clusters: 1}
          catalogs:
            sales: {name: sales, comment: Orders., storage_root: "abfss://c@a.dfs.core.windows.net/"}
          schemas:
            gold:
              catalog_name: ${resources.catalogs.sales.name}
              name: gold
              properties: {owner: ops}
              grants: [{principal: users, privileges: [USE_SCHEMA]}]
              lifecycle: {prevent_destroy: true}
          volumes:
            files:
              catalog_name: ${resources.catalogs.sales.name}
              schema_name: ${resources.schemas.gold.name}
              name: files
              volume_type: EXTERNAL
              storage_location: abfss://files@account.dfs.core.windows.net/x
          clusters:
            shared: {spark_version: 16.4.x-scala2.12, num_workers: 1, autotermination_minutes: 20}
          database_instances:
            lake: {name: lake, capacity: CU_1}
          database_catalogs:
            lake_catalog:
              name: lake
              database_instance_name: ${resources.database_instances.lake.name}
              database_name: app
              create_database_if_not_exists: true
          postgres_projects:
            app: {display_name: app, pg_version: 17}
          pipelines:
            ingest:
              name: ingest
              schema: ${resources.schemas.gold.name}
              ingestion_definition: {connection_name: crm, objects: []}
            classic:
              name: classic
              catalog: sales
              target: ${resources.schemas.gold.name}
              continuous: false
              edition: ADVANCED
              channel: CURRENT
              photon: true
              clusters:
                - {label: default, autoscale: {min_workers: 1, max_workers: 2, mode: LEGACY}}
              notifications: [{alerts: [on-update-failure], email_recipients: [a@example.org]}]
              configuration: {path: "${resources.volumes.files.volume_path}/in"}
              libraries:
                - notebook: {path: /Workspace/Shared/flow}
                - notebook: {path: ./flow}
          jobs:
            sync:
              name: sync
              tasks:
                - task_key: refresh
                  dashboard_task: {dashboard_id: "${resources.dashboards.orders.id}"}
                - task_key: alert
                  alert_task: {alert_id: "${resources.alerts.none_today.id}"}
        variables: {warehouse: {lookup: {warehouse: Shared}}}
        targets:
          dev: {mode: development}
          prod: {mode: production, permissions: [], workspace: {root_path: /Workspace/prod}}
        workspace: {root_path: "/Workspace/Users/${workspace.current_user.userName}/${bundle.name}"}
        permissions: [{service_principal_name: sp, level: CAN_MANAGE}]
        """,
    "app/app.py": "",
    "orders.lvdash.json": "{}",
    "flow.py": "x = 1\n",
}

DEFINED_IN_PYTHON = {
    "databricks.yml": """
        bundle: {name: in_python}
        python: {venv_path: .venv, resources: ["resources:load_resources"]}
        include: [resources/*.yml]
        resources:
          jobs:
            outer:
              tasks:
                - task_key: inner
                  run_job_task: {job_id: "${resources.jobs.made_in_python.id}"}
        targets: {dev: {mode: development, default: true}}
        """,
    "resources/__init__.py": "",
}

SHAPES = {
    "default-python": PYTHON,
    "jobs with clusters": CLUSTERS,
    "default-sql and dbt-sql": SQL,
    "machine learning": MACHINE_LEARNING,
    "what a workspace has": WORKSPACE,
    "resources of Python": DEFINED_IN_PYTHON,
}


@pytest.mark.parametrize("files", SHAPES.values(), ids=SHAPES)
def test_check_is_silent_about_the_shapes_of_templates(
    tmp_path: Path, files: dict[str, str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(dedent(text))
    found = check_bundle(tmp_path, all_targets=True)
    assert [(each.as_error().headline, each.hint) for each, _ in found.findings] == []


def test_check_of_our_own_bundle_finds_nothing() -> None:
    found = check_bundle(ROOT, all_targets=True)
    assert found.targets == ("dev", "test", "staging", "prod")
    assert found.findings == ()
