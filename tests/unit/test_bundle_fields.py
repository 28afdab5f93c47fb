"""The tables of fields know what the SDK knows: an upgrade that adds a field fails here."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import typing
from collections.abc import Iterator

import pytest
from databricks.sdk.service import (
    apps,
    catalog,
    compute,
    dashboards,
    database,
    jobs,
    ml,
    pipelines,
    serving,
    sql,
    workspace,
)

from headwater.bundle.shapes import Shape
from headwater.bundle_check.resource_fields import RESOURCES

KINDS = {str: "text", int: "number", float: "number", bool: "flag", list: "list", dict: "map"}
CLASSES = {
    "jobs": jobs.JobSettings,
    "pipelines": pipelines.PipelineSpec,
    "clusters": compute.ClusterSpec,
    "apps": apps.App,
    "alerts": sql.AlertV2,
    "dashboards": dashboards.Dashboard,
    "database_instances": database.DatabaseInstance,
}
CREATED_BY = {
    "catalogs": catalog.CatalogsAPI.create,
    "clusters": compute.ClustersAPI.create,
    "experiments": ml.ExperimentsAPI.create_experiment,
    "model_serving_endpoints": serving.ServingEndpointsAPI.create,
    "models": ml.ModelRegistryAPI.create_model,
    "pipelines": pipelines.PipelinesAPI.create,
    "quality_monitors": catalog.QualityMonitorsAPI.create,
    "registered_models": catalog.RegisteredModelsAPI.create,
    "schemas": catalog.SchemasAPI.create,
    "secret_scopes": workspace.SecretsAPI.create_scope,
    "sql_warehouses": sql.WarehousesAPI.create,
    "volumes": catalog.VolumesAPI.create,
}


def kind_of(hint: object) -> tuple[str, object]:
    """Return the kind of shape that a type of the SDK asks for, and what is in it."""
    inner = [each for each in typing.get_args(hint) if each is not type(None)]
    origin = typing.get_origin(hint)
    if origin is typing.Union:
        return kind_of(inner[0])
    if origin in (list, dict):
        return KINDS[origin], inner[-1]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return "text", None
    return KINDS.get(typing.cast(type, hint), "map"), hint


def gaps(cls: type, shape: Shape, path: str, depth: int = 0) -> Iterator[str]:
    """Yield the fields of a class that a shape lacks, or has as something else."""
    for name, hint in typing.get_type_hints(cls).items():
        known = shape.keys.get(name)
        full = f"{path}.{name}"
        if known is None:
            yield full
            continue
        kind, inner = kind_of(hint)
        if known.kind == "any" or depth > 8:
            continue
        if known.kind != kind:
            yield f"{full} is a {kind}"
        below = known.inner if kind == "list" else known
        if below and below.keys and dataclasses.is_dataclass(inner):
            yield from gaps(typing.cast(type, inner), below, full, depth + 1)


@pytest.mark.parametrize("kind", CLASSES)
def test_fields_of_the_sdk_are_known_with_their_types(kind: str) -> None:
    found = [
        each
        for each in gaps(CLASSES[kind], RESOURCES[kind], kind)
        if not each.endswith(".for_each_task")  # a loop holds no loop
    ]
    assert found == []


@pytest.mark.parametrize("kind", CREATED_BY)
def test_arguments_of_creating_are_known(kind: str) -> None:
    arguments = set(inspect.signature(CREATED_BY[kind]).parameters) - {"self", "dry_run"}
    assert arguments - set(RESOURCES[kind].keys) == set()
