"""Fields of a job.

Source: Jobs API 2.2, the settings of `jobs/create`, and "Job" in Databricks' resource reference for
bundles, read November 2026. `unit/test_bundle_fields.py` compares with the installed SDK.
"""

from __future__ import annotations

from headwater.bundle.shapes import (
    ANY,
    FLAG,
    NUMBER,
    TEXT,
    Shape,
    each,
    fields,
    list_of,
    named,
    needing,
    one_of,
)
from headwater.bundle_check.common_fields import (
    OF_ANY_RESOURCE,
    PAUSE_STATUS,
    PERMISSIONS,
    RUN_AS,
)
from headwater.bundle_check.compute_fields import CLUSTER, LIBRARY

_SOURCE = one_of("GIT PROVIDER WORKSPACE")
_TEXTS = list_of(TEXT)
_BY_NAME = each(TEXT)
_EVENTS = (
    "on_duration_warning_threshold_exceeded on_failure on_maintenance_complete "
    "on_maintenance_start on_start on_streaming_backlog_exceeded on_success"
)
_EMAILS = fields(**named(_TEXTS, _EVENTS), no_alert_for_skipped_runs=FLAG)
_WEBHOOKS = fields(**named(list_of(fields(id=TEXT)), _EVENTS))
_HEALTH = fields(rules=list_of(fields(metric=TEXT, op=TEXT, value=NUMBER)))
_SUBSCRIBERS = list_of(fields(destination_id=TEXT, user_name=TEXT))
_REFRESH = {
    "full_refresh": FLAG,
    **named(
        _TEXTS,
        "full_refresh_selection refresh_flow_selection refresh_selection "
        "reset_checkpoint_selection",
    ),
}

KINDS: dict[str, Shape] = {
    "ai_runtime_task": ANY,
    "alert_task": fields(
        **named(TEXT, "alert_id warehouse_id workspace_path"),
        parameters=_BY_NAME,
        subscribers=_SUBSCRIBERS,
    ),
    "clean_rooms_notebook_task": fields(
        **named(TEXT, "clean_room_name etag notebook_name"), notebook_base_parameters=_BY_NAME
    ),
    "condition_task": needing(
        "left op right",
        fields(
            **named(TEXT, "left right"),
            op=one_of(
                "EQUAL_TO GREATER_THAN GREATER_THAN_OR_EQUAL LESS_THAN LESS_THAN_OR_EQUAL NOT_EQUAL"
            ),
        ),
    ),
    "dashboard_task": fields(
        **named(TEXT, "dashboard_id warehouse_id"), filters=_BY_NAME, subscription=ANY
    ),
    "dbt_cloud_task": fields(connection_resource_name=TEXT, dbt_cloud_job_id=NUMBER),
    "dbt_platform_task": fields(connection_resource_name=TEXT, dbt_platform_job_id=TEXT),
    "dbt_task": needing(
        "commands",
        fields(
            **named(TEXT, "catalog profiles_directory project_directory schema warehouse_id"),
            commands=_TEXTS,
            source=_SOURCE,
        ),
    ),
    "gen_ai_compute_task": ANY,
    "notebook_task": needing(
        "notebook_path",
        fields(
            **named(TEXT, "notebook_path warehouse_id"), base_parameters=_BY_NAME, source=_SOURCE
        ),
    ),
    "pipeline_task": needing(
        "pipeline_id", fields(**_REFRESH, pipeline_id=TEXT, parameters=_BY_NAME)
    ),
    "power_bi_task": ANY,
    "python_operator_task": fields(main=TEXT, parameters=list_of(fields(name=TEXT, value=TEXT))),
    "python_wheel_task": needing(
        "package_name entry_point",
        fields(
            **named(TEXT, "entry_point package_name"),
            named_parameters=_BY_NAME,
            parameters=_TEXTS,
        ),
    ),
    "run_job_task": needing(
        "job_id",
        fields(
            **named(_TEXTS, "dbt_commands jar_params python_params spark_submit_params"),
            **named(_BY_NAME, "job_parameters notebook_params python_named_params sql_params"),
            job_id=NUMBER,
            pipeline_params=fields(**_REFRESH),
        ),
    ),
    "spark_jar_task": fields(
        **named(TEXT, "jar_uri main_class_name"), parameters=_TEXTS, run_as_repl=FLAG
    ),
    "spark_python_task": needing(
        "python_file", fields(python_file=TEXT, parameters=_TEXTS, source=_SOURCE)
    ),
    "spark_submit_task": fields(parameters=_TEXTS),
    "sql_task": fields(
        warehouse_id=TEXT,
        parameters=_BY_NAME,
        alert=fields(alert_id=TEXT, pause_subscriptions=FLAG, subscriptions=_SUBSCRIBERS),
        dashboard=fields(
            **named(TEXT, "custom_subject dashboard_id"),
            pause_subscriptions=FLAG,
            subscriptions=_SUBSCRIBERS,
        ),
        file=fields(path=TEXT, source=_SOURCE),
        query=fields(query_id=TEXT),
    ),
}
"""What tells the kind of a task: exactly one of these stands in each, or `for_each_task`."""

_TASK_KEYS = {
    **KINDS,
    **named(
        TEXT,
        "description environment_key environment_variables_key existing_cluster_id "
        "job_cluster_key task_key",
    ),
    **named(NUMBER, "max_retries min_retry_interval_millis timeout_seconds"),
    **named(FLAG, "disable_auto_optimization disabled retry_on_timeout"),
    "compute": fields(hardware_accelerator=TEXT),
    "depends_on": list_of(needing("task_key", fields(outcome=TEXT, task_key=TEXT))),
    "email_notifications": _EMAILS,
    "health": _HEALTH,
    "libraries": list_of(LIBRARY),
    "new_cluster": CLUSTER,
    "notification_settings": fields(
        **named(FLAG, "alert_on_last_attempt no_alert_for_canceled_runs no_alert_for_skipped_runs")
    ),
    "run_if": one_of(
        "ALL_DONE ALL_FAILED ALL_SUCCESS AT_LEAST_ONE_FAILED AT_LEAST_ONE_SUCCESS NONE_FAILED"
    ),
    "webhook_notifications": _WEBHOOKS,
}
_NESTED_TASK = needing("task_key", fields(**_TASK_KEYS))
LOOP = "for_each_task"
_TASK = needing(
    "task_key",
    fields(
        **_TASK_KEYS,
        for_each_task=needing(
            "inputs task", fields(inputs=TEXT, concurrency=NUMBER, task=_NESTED_TASK)
        ),
    ),
)

_SQL_CONDITION = fields(**named(TEXT, "sql_query_id trigger_mode warehouse_id"))
_WAITS = named(NUMBER, "min_time_between_triggers_seconds wait_after_last_change_seconds")
_MAINTENANCE = fields(start_hour=NUMBER, day_of_week=TEXT, timezone_id=TEXT)
_CONTINUOUS = {"maintenance_window": _MAINTENANCE, "task_retry_mode": TEXT}
_CRON = {"quartz_cron_expression": TEXT, "timezone_id": TEXT}
_TRIGGER = {
    "file_arrival": needing("url", fields(**_WAITS, url=TEXT)),
    "model": fields(**_WAITS, **named(TEXT, "condition securable_name"), aliases=_TEXTS),
    "pause_status": PAUSE_STATUS,
    "periodic": needing("interval unit", fields(interval=NUMBER, unit=one_of("DAYS HOURS WEEKS"))),
    "sql_condition": _SQL_CONDITION,
    "table": ANY,  # the old name of table_update
    "table_update": fields(**_WAITS, condition=TEXT, table_names=_TEXTS),
}

JOB = fields(
    **OF_ANY_RESOURCE,
    **named(ANY, "deployment"),
    **named(
        TEXT,
        "budget_policy_id description duration_target edit_mode format name parent_path "
        "performance_target usage_policy_id",
    ),
    **named(NUMBER, "max_concurrent_runs timeout_seconds"),
    continuous=fields(**_CONTINUOUS, pause_status=PAUSE_STATUS),
    email_notifications=_EMAILS,
    environment_variables=list_of(
        fields(environment_variables_key=TEXT, spec=fields(files=_TEXTS, variables=_BY_NAME))
    ),
    environments=list_of(
        needing(
            "environment_key",
            fields(
                environment_key=TEXT,
                spec=fields(
                    **named(
                        TEXT, "base_environment client environment_version project_environment"
                    ),
                    **named(_TEXTS, "dependencies jar_dependencies java_dependencies"),
                ),
            ),
        )
    ),
    git_source=fields(
        **named(TEXT, "git_branch git_commit git_provider git_tag git_url"),
        **named(ANY, "git_snapshot job_source"),
        sparse_checkout=fields(patterns=_TEXTS),
    ),
    health=_HEALTH,
    job_clusters=list_of(
        needing(
            "job_cluster_key",
            fields(**named(TEXT, "job_cluster_key serverless_compute_id"), new_cluster=CLUSTER),
        )
    ),
    notification_settings=fields(
        **named(FLAG, "no_alert_for_canceled_runs no_alert_for_skipped_runs")
    ),
    parameters=list_of(needing("name", fields(default=TEXT, name=TEXT))),
    permissions=PERMISSIONS,
    queue=fields(enabled=FLAG),
    run_as=RUN_AS,
    schedule=needing(
        "quartz_cron_expression timezone_id",
        fields(**_CRON, pause_status=PAUSE_STATUS, sql_condition=_SQL_CONDITION),
    ),
    tags=_BY_NAME,
    tasks=list_of(_TASK),
    trigger=fields(**_TRIGGER),
    triggers=list_of(
        fields(**_TRIGGER, continuous=fields(**_CONTINUOUS), schedule=fields(**_CRON))
    ),
    webhook_notifications=_WEBHOOKS,
)
