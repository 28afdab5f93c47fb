"""The keys that a bundle may hold, as one table, and the check of a tree against it.

A key that is not in the table is passed over with a warning, as the Databricks CLI does it.

Source: Databricks' configuration and resource reference for bundles, and the JSON schema of
the CLI (`databricks bundle schema`). The inside of other resource kinds, of compute settings
and of artifacts is not checked, because nothing here reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from headwater.errors import BundleError, Location, nearest
from headwater.yaml_nodes import Node

PURE_REFERENCE = re.compile(r"\$\{[^${}]+\}")


@dataclass(frozen=True)
class Shape:
    """What a value may be.

    Args:
        kind: any, map, list, text or flag.
        keys: the closed set of a map's keys.
        inner: shape of every item of a list, or of every value of a map with free keys.
        is_section: part of the bundle's own structure, where no reference can stand.
    """

    kind: str
    keys: Mapping[str, Shape] = field(default_factory=dict)
    inner: Shape | None = None
    is_section: bool = False


ANY = Shape("any")
TEXT = Shape("text")
FLAG = Shape("flag")


def _named(shape: Shape, names: str) -> dict[str, Shape]:
    return dict.fromkeys(names.split(), shape)


def _map(**keys: Shape) -> Shape:
    return Shape("map", keys)


def _each(shape: Shape) -> Shape:
    return Shape("map", inner=shape)


def _section(shape: Shape) -> Shape:
    return replace(shape, is_section=True)


def _list(shape: Shape) -> Shape:
    return Shape("list", inner=shape)


# Accepted fields of a pipeline that change nothing outside a workspace: named to the user.
_NO_EFFECT = _named(
    ANY,
    "allow_duplicate_names budget_policy_id channel clusters edition event_log filters lifecycle "
    "notifications permissions photon restart_window run_as serverless storage tags "
    "trigger usage_policy_id",
)
NO_EFFECT = frozenset(_NO_EFFECT)
# Fields that a workspace gives back; they stand in exported settings.
_GIVEN_BACK = _named(
    ANY,
    "cause cluster_id creator_user_name deployment dry_run effective_budget_policy_id health id "
    "last_modified latest_updates modified_status pipeline_id pipeline_type run_as_user_name "
    "state url",
)
_PATH = _map(path=TEXT)
_LIBRARY = _map(**_named(ANY, "jar maven whl"), file=_PATH, notebook=_PATH, glob=_map(include=TEXT))
PIPELINE = _section(
    _map(
        **_NO_EFFECT,
        **_GIVEN_BACK,
        **_named(ANY, "gateway_definition ingestion_definition"),
        **_named(TEXT, "catalog name root_path schema target"),
        **_named(FLAG, "continuous development"),
        configuration=_each(TEXT),
        parameters=_each(TEXT),
        environment=_map(environment_version=TEXT, dependencies=_list(TEXT)),
        libraries=_list(_LIBRARY),
    )
)
SCHEMA = _section(
    _map(
        **_named(ANY, "comment custom_max_retention_hours grants id lifecycle properties"),
        **_named(ANY, "storage_root url"),
        **_named(TEXT, "catalog_name name"),
    )
)
VOLUME = _section(
    _map(
        **_named(ANY, "comment grants id lifecycle storage_location url"),
        **_named(TEXT, "catalog_name name schema_name volume_type"),
    )
)
_OTHER_KINDS = _named(
    _each(ANY),
    "alerts apps catalogs cluster_policies clusters dashboards database_catalogs "
    "database_instances experiments external_locations genie_spaces instance_pools job_runs jobs "
    "model_serving_endpoints models postgres_branches postgres_catalogs postgres_databases "
    "postgres_endpoints postgres_projects postgres_roles postgres_snapshot_schedules "
    "postgres_synced_tables quality_monitors registered_models secret_scopes secrets "
    "sql_warehouses synced_database_tables vector_search_endpoints vector_search_indexes",
)
_GIT = _map(**_named(TEXT, "branch commit origin_url"))
GIT_KEYS = frozenset(
    {"actual_branch", "branch", "bundle_root_path", "commit", "inferred", "origin_url"}
)
USER_KEYS = frozenset(
    {"emails", "entitlements", "externalId", "groups", "name", "roles", "schemas"}
)
"""What a workspace knows of a user and a machine does not."""
_WORKSPACE = _section(
    _map(
        **_named(
            TEXT,
            "account_id artifact_path auth_type azure_client_id azure_environment "
            "azure_login_app_id azure_tenant_id azure_workspace_resource_id client_id file_path "
            "google_service_account host profile resource_path root_path state_path workspace_id",
        ),
        **_named(FLAG, "azure_use_msi experimental_is_unified_host"),
    )
)
WORKSPACE_KEYS = frozenset(_WORKSPACE.keys)
# What a target may hold as well as a file.
_SHARED = {
    **_named(ANY, "permissions run_as sync"),
    "artifacts": _each(ANY),
    "bundle": _section(
        _map(
            **_named(TEXT, "cluster_id compute_id databricks_cli_version engine name uuid"),
            deployment=ANY,
            git=_GIT,
        )
    ),
    "presets": _section(
        _map(
            **_named(ANY, "jobs_max_concurrent_runs tags"),
            **_named(
                FLAG, "artifacts_dynamic_version pipelines_development source_linked_deployment"
            ),
            **_named(TEXT, "name_prefix trigger_pause_status"),
        )
    ),
    "resources": _section(
        _map(
            **_OTHER_KINDS,
            pipelines=_section(_each(PIPELINE)),
            schemas=_section(_each(SCHEMA)),
            volumes=_section(_each(VOLUME)),
        )
    ),
    "workspace": _WORKSPACE,
}
_TARGET = _section(
    _map(
        **_SHARED,
        **_named(TEXT, "cluster_id compute_id mode"),
        default=FLAG,
        git=_GIT,
        variables=_section(_each(ANY)),
    )
)
_VARIABLE = _section(_map(**_named(TEXT, "description type"), default=ANY, lookup=_each(TEXT)))
INCLUDED_FILE = _section(
    _map(
        **_SHARED,
        **_named(ANY, "experimental python scripts"),
        targets=_section(_each(_TARGET)),
        variables=_section(_each(_VARIABLE)),
    )
)
ROOT_FILE = _section(_map(**INCLUDED_FILE.keys, include=_section(_list(TEXT))))

_KINDS = {
    "map": {"map"},
    "list": {"list"},
    "text": {"text", "flag", "number"},
    "flag": {"flag"},
}
# What the Databricks CLI takes for a flag where YAML reads a text.
_SPELLINGS = {
    **dict.fromkeys(("true", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "n", "N", "no", "No", "NO", "off", "Off", "OFF"), False),
}


def check(
    node: Node, shape: Shape, path: str = "", *, is_resolved: bool = False
) -> list[BundleError]:
    """Check a tree against a shape; nulls, and references yet to be resolved, pass.

    Returns:
        A BUNDLE_KEY_UNKNOWN for each key that the shape does not know, to be shown as a warning;
        none for `x-...` at the root and for values with an anchor, which are there to be repeated.

    Raises:
        BundleError: BUNDLE_TYPE_WRONG, with the line and the full key; BUNDLE_KEY_UNKNOWN for
            `include` in an included file.
    """
    may_refer = not is_resolved and not shape.is_section
    if shape.kind == "any" or node.value is None or (may_refer and _is_reference(node)):
        return []
    if node.kind not in _KINDS[shape.kind] and not (shape.kind == "flag" and is_flag(node)):
        raise type_wrong(node, path, shape.kind)
    found: list[BundleError] = []
    for index, item in enumerate(node.items):
        found += check(item, shape.inner or ANY, f"{path}[{index}]", is_resolved=is_resolved)
    for key, child in node.entries.items():
        full = f"{path}.{key}" if path else key
        inner = shape.inner or shape.keys.get(key)
        if inner is not None:
            found += check(child, inner, full, is_resolved=is_resolved)
        elif full == "include":
            raise _key_unknown(child, full, key, shape)
        elif not child.is_anchor and not full.startswith("x-"):
            found.append(_key_unknown(child, full, key, shape))
    return found


def is_flag(node: Node) -> bool:
    """Whether a value counts as true or false."""
    return isinstance(node.value, bool) or (
        isinstance(node.value, str) and node.value in _SPELLINGS
    )


def is_set(node: Node | None) -> bool:
    """Whether a value counts as true."""
    if node is None:
        return False
    return node.value is True or (isinstance(node.value, str) and _SPELLINGS.get(node.value, False))


def type_wrong(node: Node, path: str, expected: str) -> BundleError:
    """Report that a value is of the wrong kind; the value itself is not shown."""
    wanted = {"flag": "true or false", "text": "one value", "map": "a map", "list": "a list"}
    return BundleError(
        "BUNDLE_TYPE_WRONG",
        f"'{path}' is a {node.kind} where a {expected} is expected",
        where=node.location,
        hint=f"Set '{path.rpartition('.')[2]}' to {wanted.get(expected, expected)}.",
        key=path,
        expected=expected,
        found=node.kind,
    )


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


def _key_unknown(node: Node, path: str, key: str, shape: Shape) -> BundleError:
    known = sorted(shape.keys)
    hint = nearest(key, known) or f"Known here: {', '.join(known)}."
    if path == "include":
        hint = "Only databricks.yml may include files: move the entry there."
    return BundleError(
        "BUNDLE_KEY_UNKNOWN",
        f"unknown key '{path}'",
        where=node.location,
        hint=hint,
        key=path,
        line=node.location.line,
    )


def _is_reference(node: Node) -> bool:
    return isinstance(node.value, str) and bool(PURE_REFERENCE.fullmatch(node.value))
