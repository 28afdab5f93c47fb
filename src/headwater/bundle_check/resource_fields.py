"""Fields of every kind of resource that is checked; of the rarer kinds those at the top alone.

Source: Databricks' resource reference for bundles and, for each kind, the request of the REST API
that creates it, read November 2026. A kind that is not here is not checked.
"""

from __future__ import annotations

from headwater.bundle.keys import PIPELINE, SCHEMA, VOLUME
from headwater.bundle.shapes import ANY, FLAG, NUMBER, TEXT, Shape, each, fields, list_of, named
from headwater.bundle_check.common_fields import (
    GRANTS,
    OF_ANY_RESOURCE,
    PERMISSIONS,
    RUN_AS,
)
from headwater.bundle_check.compute_fields import CLUSTER_KEYS, PIPELINE_CLUSTER
from headwater.bundle_check.job_fields import JOB

_PIPELINE = fields(
    **{
        **PIPELINE.keys,
        **named(FLAG, "allow_duplicate_names photon serverless"),
        **named(
            TEXT,
            "budget_policy_id channel edition parent_path serverless_compute_id storage "
            "usage_policy_id",
        ),
        "clusters": list_of(PIPELINE_CLUSTER),
        "event_log": fields(**named(TEXT, "catalog name schema")),
        "filters": fields(**named(list_of(TEXT), "exclude include")),
        "notifications": list_of(fields(**named(list_of(TEXT), "alerts email_recipients"))),
        "permissions": PERMISSIONS,
        "restart_window": fields(start_hour=NUMBER, days_of_week=ANY, time_zone_id=TEXT),
        "run_as": RUN_AS,
        "tags": each(TEXT),
        "trigger": fields(
            cron=fields(**named(TEXT, "quartz_cron_schedule timezone_id")), manual=ANY
        ),
    }
)


def _granted(names: str) -> Shape:
    """Return the shape of a resource of Unity Catalog."""
    return fields(**OF_ANY_RESOURCE, **named(ANY, names), grants=GRANTS)


def _permitted(names: str) -> Shape:
    """Return the shape of a resource of a workspace."""
    return fields(**OF_ANY_RESOURCE, **named(ANY, names), permissions=PERMISSIONS)


RESOURCES: dict[str, Shape] = {
    "alerts": _permitted(
        "create_time custom_description custom_summary custom_template_format display_name "
        "effective_run_as evaluation file_path lifecycle_state owner_user_name parameters "
        "parent_path query_text run_as run_as_user_name schedule update_time warehouse_id"
    ),
    "apps": _permitted(
        "active_deployment app_status budget_policy_id compute_max_instances "
        "compute_min_instances compute_size compute_status config create_time creator "
        "default_git_source default_source_code_path description effective_budget_policy_id "
        "effective_usage_policy_id effective_user_api_scopes forward_user_access_token "
        "git_repository git_source name oauth2_app_client_id oauth2_app_integration_id "
        "pending_deployment resources service_principal_client_id service_principal_id "
        "service_principal_name source_code_path space telemetry_export_destinations "
        "thumbnail_url update_time updater usage_policy_id user_api_scopes"
    ),
    "catalogs": _granted(
        "comment connection_name custom_max_retention_hours enable_predictive_optimization "
        "isolation_mode managed_encryption_settings name options owner properties provider_name "
        "share_name storage_root"
    ),
    "clusters": fields(
        **{**OF_ANY_RESOURCE, **CLUSTER_KEYS, "clone_from": ANY, "permissions": PERMISSIONS}
    ),
    "dashboards": _permitted(
        "create_time dashboard_id dataset_catalog dataset_schema display_name "
        "embed_credentials etag file_path lifecycle_state parent_path path "
        "serialized_dashboard update_time warehouse_id"
    ),
    "database_instances": _permitted(
        "capacity child_instance_refs creation_time creator custom_tags effective_capacity "
        "effective_custom_tags effective_enable_pg_native_login "
        "effective_enable_readable_secondaries effective_node_count "
        "effective_retention_window_in_days effective_stopped effective_usage_policy_id "
        "enable_pg_native_login enable_readable_secondaries name node_count parent_instance_ref "
        "pg_version purge_on_delete read_only_dns read_write_dns retention_window_in_days state "
        "stopped uid usage_policy_id"
    ),
    "experiments": _permitted(
        "artifact_location creation_time experiment_id last_update_time lifecycle_stage name "
        "tags trace_location"
    ),
    "jobs": JOB,
    "model_serving_endpoints": _permitted(
        "ai_gateway budget_policy_id config description email_notifications name rate_limits "
        "route_optimized tags telemetry_config usage_policy_id"
    ),
    "models": _permitted(
        "creation_timestamp description last_updated_timestamp latest_versions name tags user_id"
    ),
    "pipelines": _PIPELINE,
    "quality_monitors": fields(
        **OF_ANY_RESOURCE,
        **named(
            ANY,
            "assets_dir baseline_table_name custom_metrics data_classification_config "
            "inference_log latest_monitor_failure_msg notifications output_schema_name schedule "
            "skip_builtin_dashboard slicing_exprs snapshot table_name time_series warehouse_id",
        ),
    ),
    "registered_models": _granted(
        "aliases browse_only catalog_name comment created_at created_by full_name metastore_id "
        "name owner schema_name storage_location updated_at updated_by"
    ),
    "schemas": fields(
        **{**SCHEMA.keys, **OF_ANY_RESOURCE, "grants": GRANTS, "properties": each(TEXT)}
    ),
    "secret_scopes": _permitted(
        "backend_azure_keyvault backend_type initial_manage_principal keyvault_metadata name "
        "scope scope_backend_type"
    ),
    "sql_warehouses": _permitted(
        "auto_stop_mins channel cluster_size creator_name customer_version_label enable_photon "
        "enable_serverless_compute instance_profile_arn max_dbu max_num_clusters "
        "min_num_clusters name reyden_cluster_size_multiplier spot_instance_policy "
        "statement_timeout tags warehouse_type"
    ),
    "volumes": fields(**{**VOLUME.keys, **OF_ANY_RESOURCE, "grants": GRANTS}),
}
"""By kind of resource, the shape of one."""
