"""Find what a test asks for in a graph and in the report of an update. Pure."""

from __future__ import annotations

from headwater.errors import UsageError, nearest
from headwater.events.report import FlowTotals, RuleTotals, UpdateReport
from headwater.graph.dag import Graph
from headwater.graph.model import Dataset
from headwater.names import TableName


def flow_of(report: UpdateReport, name: str, table: TableName) -> FlowTotals:
    """Return the totals of a flow, by its name or that of its table.

    Args:
        table: what `name` is as the name of a table.

    Raises:
        UsageError: FLOW_UNKNOWN; FLOW_AMBIGUOUS for a table that several flows write.
    """
    flows = report.flows
    if name in flows:
        return flows[name]
    found = [each for each in flows.values() if each.dataset == str(table)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(each.flow for each in found)
        raise UsageError(
            "FLOW_AMBIGUOUS", f"Several flows write '{table}'", hint=f"Name one: {names}."
        )
    raise UsageError(
        "FLOW_UNKNOWN",
        f"The last update had no flow '{name}'",
        hint=nearest(name, flows) or f"It had: {', '.join(flows) or 'none'}.",
    )


def rule_of(report: UpdateReport, dataset: Dataset, rule: str) -> RuleTotals:
    """Return the totals of a rule over all flows that counted it.

    Raises:
        UsageError: EXPECTATION_UNKNOWN.
    """
    rules = [each.name for each in dataset.expectations]
    if rule not in rules:
        raise UsageError(
            "EXPECTATION_UNKNOWN",
            f"'{dataset.name}' has no expectation '{rule}'",
            hint=nearest(rule, rules) or f"It has: {', '.join(rules) or 'none'}.",
        )
    key = (str(dataset.name), rule)
    return report.rules.get(key) or RuleTotals(rule, str(dataset.name))


def behind(graph: Graph, dataset: TableName) -> tuple[str, ...]:
    """Name a dataset, if it is a table, and all tables that it is computed from, in their order."""
    found: set[TableName] = set()
    waiting = [dataset]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            flows = [*graph.flows_into(name), *graph.views_behind([name])]
            waiting.extend(table for flow in flows for table in graph.upstream(flow))
    return tuple(each.name.quoted for each in graph.tables() if each.name in found)
