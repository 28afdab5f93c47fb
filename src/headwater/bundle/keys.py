"""The keys that a bundle may hold, as one table.

A key that is not in the table is passed over with a warning, as the Databricks CLI does it.

Source: Databricks' configuration and resource reference for bundles, and the JSON schema of
the CLI (`databricks bundle schema`). The inside of other resource kinds, of compute settings
and of artifacts is not checked, because nothing here reads it.
"""

from __future__ import annotations

from collections.abc import Iterable

from headwater.bundle.shapes import ANY, FLAG, TEXT, each, fields, list_of, named, section
from headwater.errors import BundleError, Location, nearest

# Accepted fields of a pipeline that change nothing outside a workspace: named to the user.
_NO_EFFECT = named(
    ANY,
    "allow_duplicate_names budget_policy_id channel clusters edition event_log filters lifecycle "
    "notifications parent_path permissions photon restart_window run_as serverless "
    "serverless_compute_id storage tags trigger usage_policy_id",
)
NO_EFFECT = frozenset(_NO_EFFECT)
# Fields that a workspace gives back; they stand in exported settings.
_GIVEN_BACK = named(
    ANY,
    "cause cluster_id creator_user_name deployment dry_run effective_budget_policy_id health id "
    "last_modified latest_updates modified_status pipeline_id pipeline_type run_as_user_name "
    "state url",
)
_PATH = fields(path=TEXT)
_LIBRARY = fields(
    **named(ANY, "jar maven whl"), file=_PATH, notebook=_PATH, glob=fields(include=TEXT)
)
PIPELINE = section(
    fields(
        **_NO_EFFECT,
        **_GIVEN_BACK,
        **named(ANY, "gateway_definition ingestion_definition"),
        **named(TEXT, "catalog name root_path schema target"),
        **named(FLAG, "continuous development"),
        configuration=each(TEXT),
        parameters=each(TEXT),
        environment=fields(environment_version=TEXT, dependencies=list_of(TEXT)),
        libraries=list_of(_LIBRARY),
    )
)
SCHEMA = section(
    fields(
        **named(ANY, "comment custom_max_retention_hours grants id lifecycle properties"),
        **named(ANY, "storage_root url"),
        **named(TEXT, "catalog_name name"),
    )
)
VOLUME = section(
    fields(
        **named(ANY, "comment grants id lifecycle storage_location url"),
        **named(TEXT, "catalog_name name schema_name volume_type"),
    )
)
_OTHER_KINDS = named(
    each(ANY),
    "alerts apps catalogs cluster_policies clusters dashboards database_catalogs "
    "database_instances experiments external_locations genie_spaces instance_pools job_runs jobs "
    "model_serving_endpoints models postgres_branches postgres_catalogs postgres_databases "
    "postgres_endpoints postgres_projects postgres_roles postgres_snapshot_schedules "
    "postgres_synced_tables quality_monitors registered_models secret_scopes secrets "
    "sql_warehouses synced_database_tables vector_search_endpoints vector_search_indexes",
)
_GIT = fields(**named(TEXT, "branch commit origin_url"))
GIT_KEYS = frozenset(
    {"actual_branch", "branch", "bundle_root_path", "commit", "inferred", "origin_url"}
)
USER_KEYS = frozenset(
    {"emails", "entitlements", "externalId", "groups", "name", "roles", "schemas"}
)
"""What a workspace knows of a user and a machine does not."""
_WORKSPACE = section(
    fields(
        **named(
            TEXT,
            "account_id artifact_path auth_type azure_client_id azure_environment "
            "azure_login_app_id azure_tenant_id azure_workspace_resource_id client_id file_path "
            "google_service_account host profile resource_path root_path state_path workspace_id",
        ),
        **named(FLAG, "azure_use_msi experimental_is_unified_host"),
    )
)
WORKSPACE_KEYS = frozenset(_WORKSPACE.keys)
# What a target may hold as well as a file.
_SHARED = {
    **named(ANY, "permissions run_as sync"),
    "artifacts": each(ANY),
    "bundle": section(
        fields(
            **named(TEXT, "cluster_id compute_id databricks_cli_version engine name uuid"),
            deployment=ANY,
            git=_GIT,
        )
    ),
    "presets": section(
        fields(
            **named(ANY, "jobs_max_concurrent_runs tags"),
            **named(
                FLAG, "artifacts_dynamic_version pipelines_development source_linked_deployment"
            ),
            **named(TEXT, "name_prefix trigger_pause_status"),
        )
    ),
    "resources": section(
        fields(
            **_OTHER_KINDS,
            pipelines=section(each(PIPELINE)),
            schemas=section(each(SCHEMA)),
            volumes=section(each(VOLUME)),
        )
    ),
    "workspace": _WORKSPACE,
}
_TARGET = section(
    fields(
        **_SHARED,
        **named(TEXT, "cluster_id compute_id mode"),
        default=FLAG,
        git=_GIT,
        variables=section(each(ANY)),
    )
)
_LOOKUP = fields(
    **named(
        TEXT,
        "alert cluster cluster_policy dashboard instance_pool job metastore "
        "notification_destination pipeline query service_principal warehouse",
    )
)
_VARIABLE = section(fields(**named(TEXT, "description type"), default=ANY, lookup=_LOOKUP))
INCLUDED_FILE = section(
    fields(
        **_SHARED,
        **named(ANY, "experimental python scripts"),
        **named(section(each(_TARGET)), "environments targets"),
        variables=section(each(_VARIABLE)),
    )
)
ROOT_FILE = section(fields(**INCLUDED_FILE.keys, include=section(list_of(TEXT))))


def variable_undefined(name: str, known: Iterable[str], where: Location | str) -> BundleError:
    """Report that a variable is used or set but defined nowhere."""
    names = sorted(known)
    return BundleError(
        "VARIABLE_UNDEFINED",
        f"the variable '{name}' is not defined",
        where=where,
        hint=nearest(name, names) or f"Defined under 'variables:': {', '.join(names) or 'none'}.",
        name=name,
        known=tuple(names),
    )
