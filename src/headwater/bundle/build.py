"""Build specs from a bundle's finished tree: the last step, where every field gets its type.

What does not live here: where values come from (`merge`, `variables`, `targets`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headwater.bundle.jobs import read_job
from headwater.bundle.keys import NO_EFFECT, PIPELINE, SCHEMA, VOLUME
from headwater.bundle.libraries import expand_libraries, local_path
from headwater.bundle.references import WORKSPACE_ONLY, Resolver
from headwater.bundle.shapes import check, is_set, key_missing, value_wrong
from headwater.bundle.spec import Bundle, JobSpec, PipelineSpec, SchemaSpec, VolumeSpec
from headwater.bundle.variables import resolved_variables
from headwater.errors import BundleError
from headwater.yaml_nodes import Node

DEFAULT_CATALOG = "main"
_VOLUME_TYPES = ("MANAGED", "EXTERNAL")
# The fields of each kind that end up in a spec.
_READ = {
    "pipelines": (
        PIPELINE,
        {"catalog", "configuration", "continuous", "development", "environment", "libraries"}
        | {"name", "parameters", "root_path", "schema", "target"},
    ),
    "schemas": (SCHEMA, {"catalog_name", "name"}),
    "volumes": (VOLUME, {"catalog_name", "schema_name", "name", "volume_type"}),
}
_NOT_HERE = {"LIBRARY_UNSUPPORTED", *WORKSPACE_ONLY}
"""Codes of what runs in a workspace alone; other faults are for the bundle to correct."""
_OF_BUNDLE = ("mode", "name", "target")
_MANAGED_INGESTION = ("ingestion_definition", "gateway_definition")


def build_bundle(tree: Node, root: Path, warnings: Sequence[BundleError] = ()) -> Bundle:
    """Resolve and check everything that runs locally; other resource kinds stay untouched.

    Args:
        warnings: what was found so far; what references bring in is added to it.
    """
    resolver = Resolver(tree)
    found = list(warnings)
    said = {name: child for name, child in tree.below("bundle").items() if name in _OF_BUNDLE}
    bundle = resolver.resolve(Node(said, tree.location))
    mode = bundle.get("mode")
    workspace = resolver.resolve(tree.get("workspace") or Node({}, tree.location))
    pipelines: dict[str, PipelineSpec] = {}
    refused: dict[str, BundleError] = {}
    for key, node in tree.below("resources", "pipelines").items():
        managed = next((field for field in _MANAGED_INGESTION if node.get(field)), None)
        if managed:
            refused[key] = _unsupported(key, managed, node)
            continue
        try:
            resolved = _resolved(resolver, "pipelines", key, node, found)
            pipelines[key] = _pipeline(key, node, resolved, root)
        except BundleError as error:  # told when somebody asks for the pipeline
            if error.code not in _NOT_HERE:
                raise
            refused[key] = error
    jobs: dict[str, JobSpec] = {}
    refused_jobs: dict[str, BundleError] = {}
    for key, node in tree.below("resources", "jobs").items():
        try:
            jobs[key] = read_job(key, node, resolver, root)
        except BundleError as error:  # told when somebody asks for the job
            refused_jobs[key] = error
    return Bundle(
        name=_required(bundle, "name", "bundle").text,
        root=root,
        target=_required(bundle, "target", "bundle").text,
        mode=mode.text if mode else None,
        variables=resolved_variables(tree, resolver),
        workspace={key: child.plain() for key, child in workspace.entries.items()},
        pipelines=pipelines,
        schemas={
            key: _schema(key, _resolved(resolver, "schemas", key, node, found))
            for key, node in tree.below("resources", "schemas").items()
        },
        volumes={
            key: _volume(key, _resolved(resolver, "volumes", key, node, found))
            for key, node in tree.below("resources", "volumes").items()
        },
        refused=refused,
        jobs=jobs,
        refused_jobs=refused_jobs,
        warnings=tuple({str(warning): warning for warning in found}.values()),
    )


def _resolved(
    resolver: Resolver, kind: str, key: str, node: Node, found: list[BundleError]
) -> Node:
    """Resolve the fields of a resource that are read here, and check what variables made of them.

    The other fields may rest on what only a workspace knows. Warnings are added to `found`.
    """
    shape, names = _READ[kind]
    fields = {name: child for name, child in node.entries.items() if name in names}
    resolved = resolver.resolve(Node(fields, node.location))
    found += check(resolved, shape, f"resources.{kind}.{key}", is_resolved=True)
    return resolved


def _pipeline(key: str, raw: Node, node: Node, root: Path) -> PipelineSpec:
    where = f"resources.pipelines.{key}"
    libraries = _required(node, "libraries", where)
    if not libraries.items:
        raise key_missing("libraries", where, node)
    catalog, root_path = node.get("catalog"), node.get("root_path")
    dependencies = node.get("environment", "dependencies")
    inert = [name for name in raw.entries if name in NO_EFFECT and raw.get(name)]
    if node.get("environment", "environment_version"):
        inert.append("environment.environment_version")
    return PipelineSpec(
        key=key,
        name=_required(node, "name", where).text,
        catalog=(catalog.text if catalog else "") or DEFAULT_CATALOG,
        schema=_schema_name(node, where),
        source_files=expand_libraries(libraries, root),
        root_path=local_path(root_path, root) if root_path else None,
        configuration={
            name: value.text
            for name, value in node.below("configuration").items()
            if value.value is not None  # as there: a key without a value is not set
        },
        parameters={
            name: value.text
            for name, value in node.below("parameters").items()
            if value.value is not None
        },
        dependencies=tuple(item.text for item in (dependencies.items if dependencies else ())),
        continuous=is_set(node.get("continuous")),
        development=is_set(node.get("development")),
        no_effect=tuple(inert),
        location=raw.location,
    )


def _schema_name(node: Node, where: str) -> str:
    """Return `schema`, or its legacy name `target`; Databricks wants exactly one of them."""
    both = [found for found in (node.get("schema"), node.get("target")) if found]
    if len(both) == 2:
        raise BundleError(
            "BUNDLE_KEY_CONFLICT",
            f"'{where}' has 'schema' and 'target'",
            where=both[1].location,
            hint="Keep 'schema'; 'target' is its old name.",
            key=f"{where}.target",
        )
    if not both:
        raise key_missing("schema", where, node)
    return both[0].text


def _schema(key: str, node: Node) -> SchemaSpec:
    where = f"resources.schemas.{key}"
    return SchemaSpec(
        key=key,
        catalog=_required(node, "catalog_name", where).text,
        name=_required(node, "name", where).text,
        location=node.location,
    )


def _volume(key: str, node: Node) -> VolumeSpec:
    where = f"resources.volumes.{key}"
    kind = node.get("volume_type")
    if kind and kind.text not in _VOLUME_TYPES:
        raise value_wrong(kind, f"{where}.volume_type", _VOLUME_TYPES)
    return VolumeSpec(
        key=key,
        catalog=_required(node, "catalog_name", where).text,
        schema=_required(node, "schema_name", where).text,
        name=_required(node, "name", where).text,
        volume_type=kind.text if kind else "MANAGED",
        location=node.location,
    )


def _required(node: Node, key: str, where: str) -> Node:
    found = node.get(key)
    if found is None or found.value == "":
        raise key_missing(key, where, node)
    return found


def _unsupported(key: str, field: str, node: Node) -> BundleError:
    return BundleError(
        "PIPELINE_UNSUPPORTED",
        f"the pipeline '{key}' has '{field}', which only a workspace can run",
        where=node.location,
        hint="Run another pipeline of the bundle, and land sample files where this one writes.",
        key=key,
        field=field,
    )
