"""`headwater graph`: which dataset reads which, in one pipeline or in the whole bundle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from headwater.cli.endings import warn
from headwater.cli.render import print_json
from headwater.cli.sessions import command_session
from headwater.cli.updates import looking, print_warnings, untouched
from headwater.dbt.lineage import tables_made
from headwater.dbt.projects import projects_of
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater
from headwater.errors import HeadwaterError, UsageError
from headwater.graph.dag import Graph
from headwater.names import TableName
from headwater.sandbox.connectors import connectors_of_all
from headwater.state.target import Target

Edge = Mapping[str, Any]
"""A dataset: its name, its kind and the names of its inputs."""

_LOOK = UpdateRequest(validate_only=True)


def show_graph(target: Target, pipeline: str | None, shape: str, *, as_json: bool) -> None:
    """Resolve a pipeline and draw it."""
    with looking(target, pipeline) as updater:
        graph = updater.run(_LOOK).graph
    print_warnings(graph)
    _show(_edges(graph), shape, as_json)


def show_whole_graph(target: Target, pipeline: str | None, shape: str, *, as_json: bool) -> None:
    """Resolve all pipelines, let dbt parse all projects, and draw them as one graph.

    A pipeline that can't be resolved is left out, with a warning.

    Raises:
        UsageError: OPTIONS_CONFLICT, for a pipeline beside it; as `tables_made`.
    """
    if pipeline is not None:
        raise UsageError(
            "OPTIONS_CONFLICT",
            "--all shows all pipelines, and one is named",
            hint="Leave out the name or --all.",
        )
    edges: dict[str, Edge] = {}
    with untouched(target) as place:
        for edge in (*_of_pipelines(place), *_of_dbt(place)):
            edges.setdefault(edge["dataset"], edge)
    _show(list(edges.values()), shape, as_json)


def _of_pipelines(target: Target) -> Iterator[Edge]:
    connectors = connectors_of_all(target.bundle)
    with command_session(target, quick=True, connectors=connectors) as spark:
        for spec in target.bundle.pipelines.values():
            try:
                graph = Updater(spark, target.bundle, spec, target.store).run(_LOOK).graph
            except HeadwaterError as error:
                warn(_not_shown(spec.key, error))
                continue
            print_warnings(graph)
            yield from _edges(graph, spec.key)


def _not_shown(pipeline: str, error: HeadwaterError) -> UsageError:
    """Make the warning for a pipeline that is missing in the graph."""
    return UsageError(
        "PIPELINE_NOT_SHOWN",
        f"The pipeline '{pipeline}' can't be resolved: {error.parts[0].headline}",
        hint=f"See: headwater graph {pipeline}",
    )


def _of_dbt(target: Target) -> Iterator[Edge]:
    for project in projects_of(target.bundle):
        for made in tables_made(target, project):
            inputs = sorted(map(str, made.inputs))
            yield {"dataset": str(made.name), "kind": f"dbt {made.kind}", "inputs": inputs}


def _show(edges: Sequence[Edge], shape: str, as_json: bool) -> None:
    if as_json:
        print_json(edges)
    else:
        click.echo(_mermaid(edges) if shape == "mermaid" else _text(edges))


def _edges(graph: Graph, pipeline: str = "") -> list[Edge]:
    """List the datasets of a pipeline.

    Args:
        pipeline: stands before the names that only this pipeline knows, beside those of others.
    """

    def named(name: TableName) -> str:
        own = graph.datasets.get(name)
        is_known = own is None or (own.is_table and not own.private)
        return str(name) if is_known or not pipeline else f"{pipeline}: {name}"

    inputs: dict[TableName, set[str]] = {}
    for flow in (*graph.flows, *graph.views):
        inputs.setdefault(flow.flow.target, set()).update(map(named, flow.inputs | flow.external))
    return [
        {
            "dataset": named(name),
            "kind": dataset.kind.value if dataset.kind else None,
            "inputs": sorted(inputs.get(name, ())),
        }
        for name, dataset in graph.datasets.items()
    ]


def _text(edges: Sequence[Edge]) -> str:
    lines = []
    for edge in edges:
        lines.append(f"{edge['dataset']}  [{edge['kind']}]")
        lines.extend(f"  <- {name}" for name in edge["inputs"])
    return "\n".join(lines)


def _mermaid(edges: Sequence[Edge]) -> str:
    ids = {edge["dataset"]: f"d{number}" for number, edge in enumerate(edges)}
    for edge in edges:
        for name in edge["inputs"]:
            ids.setdefault(name, f"d{len(ids)}")
    lines = ["flowchart LR"]
    lines += [f'  {ids[name]}["{name.replace(chr(34), "#quot;")}"]' for name in ids]
    lines += [
        f"  {ids[name]} --> {ids[edge['dataset']]}" for edge in edges for name in edge["inputs"]
    ]
    return "\n".join(lines)
