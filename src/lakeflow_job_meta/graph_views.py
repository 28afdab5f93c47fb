"""A module's graph for people: lines of text, or Mermaid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from headwater.errors import shown
from lakeflow_job_meta.errors import MetadataError, module_unknown
from lakeflow_job_meta.graph import dependencies, graph_faults
from lakeflow_job_meta.sources import Source


def modules_of(sources: Iterable[Source], module: str | None = None) -> dict[str, list[Source]]:
    """Group active sources by module, in the order of names.

    Raises:
        UsageError: MODULE_UNKNOWN.
        MetadataError: a module whose dependencies make no graph.
    """
    found: dict[str, list[Source]] = {}
    for source in sources:
        if source.is_active:
            found.setdefault(source.module_name, []).append(source)
    if module is not None and module not in found:
        raise module_unknown(module, found)
    chosen = {name: found[name] for name in sorted(found) if module in (None, name)}
    faults = [fault for each in chosen.values() for fault in graph_faults(each)]
    if faults:
        raise MetadataError(faults)
    return chosen


def draw(sources: Sequence[Source], shape: str) -> str:
    """Draw a module as `text` or `mermaid`."""
    return graph_mermaid(sources) if shape == "mermaid" else graph_text(sources)


def _in_order(sources: Sequence[Source]) -> list[Source]:
    last = max((each.execution_order or 0 for each in sources), default=0) + 1
    return sorted(
        sources,
        key=lambda each: (
            last if each.execution_order is None else each.execution_order,
            each.source_id,
        ),
    )


def _kind(source: Source) -> str:
    return str(source.transformation_config.get("task_type", "?"))


def graph_facts(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Return the tasks of a module, in their order, with what each waits for."""
    waits = dependencies(sources)
    return [
        {
            "source_id": source.source_id,
            "task_type": _kind(source),
            "execution_order": source.execution_order,
            "depends_on": [
                {"source_id": each.source_id, "outcome": each.outcome}
                for each in waits[source.source_id]
            ],
        }
        for source in _in_order(sources)
    ]


def graph_text(sources: Sequence[Source]) -> str:
    """Draw the tasks of a module as lines, the first to run on top."""
    facts = graph_facts(sources)
    width = max(len(shown(each["source_id"])) for each in facts)
    kinds = max(len(each["task_type"]) for each in facts)
    lines = [f"{shown(sources[0].module_name)}: {len(facts)} task{'s' if len(facts) > 1 else ''}"]
    for each in facts:
        order = "-" if each["execution_order"] is None else each["execution_order"]
        names = [
            shown(wait["source_id"]) + (f" = {wait['outcome']}" if wait["outcome"] else "")
            for wait in each["depends_on"]
        ]
        after = f"  after {', '.join(names)}" if names else ""
        name = shown(each["source_id"])
        line = f"  {order:>4}  {name:<{width}}  {each['task_type']:<{kinds}}{after}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def graph_mermaid(sources: Sequence[Source]) -> str:
    """Draw the tasks of a module as a Mermaid flowchart."""
    facts = graph_facts(sources)
    ids = {each["source_id"]: f"t{number}" for number, each in enumerate(facts)}
    lines = ["flowchart LR"]
    for each in facts:
        label = f"{_escaped(each['source_id'])}<br/>{_escaped(each['task_type'])}"
        lines.append(f'  {ids[each["source_id"]]}["{label}"]')
    for each in facts:
        for wait in each["depends_on"]:
            arrow = f"-->|{wait['outcome']}|" if wait["outcome"] else "-->"
            lines.append(f"  {ids[wait['source_id']]} {arrow} {ids[each['source_id']]}")
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Write what Mermaid would read as its own syntax as numbered entities."""
    return "".join(
        each if each.isalnum() or each in " _-.,:/" else f"#{ord(each)};" for each in text
    )
