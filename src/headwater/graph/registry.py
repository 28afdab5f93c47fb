"""Where declarations end up: one registry per load of a pipeline's source.

It keeps every fault instead of stopping at the first, so that one run shows them all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headwater.errors import DefinitionError, HeadwaterError, Location
from headwater.graph.brokers import BrokerUse
from headwater.graph.model import Dataset, EventHook, Expectation, Flow
from headwater.names import TableName, table_name

Function = Callable[..., Any]


@dataclass(frozen=True)
class _Rules:
    """Rules that wait for a dataset, and the line that applied them."""

    rules: tuple[Expectation, ...]
    where: Location


class Registry:
    """The datasets and flows that a pipeline's files declared, and what was wrong with them.

    What works here and will hurt in a workspace is in `warnings`.

    Args:
        catalog: default catalog of unqualified names.
        schema: default schema of unqualified names.

    Attributes:
        folders: folders and wheels that the source's modules come from.
        files: the source files, and the notebooks that they run in place.
        brokers: those that are read while the files are loaded, and those of sinks.
        namespace: catalog and schema of unqualified names in what is being loaded, as USE sets it.
    """

    def __init__(self, catalog: str, schema: str) -> None:
        self.catalog = catalog
        self.schema = schema
        self.namespace = (catalog, schema)
        self.datasets: dict[TableName, Dataset] = {}
        self.flows: dict[str, Flow] = {}
        self.faults: list[HeadwaterError] = []
        self.warnings: list[HeadwaterError] = []
        self.folders: list[str] = []
        self.files: list[Path] = []
        self.brokers: list[BrokerUse] = []
        self.hooks: list[EventHook] = []
        self._rules: dict[Function, _Rules] = {}
        self._flows_by_case: dict[str, Flow] = {}
        self._claimed: set[Function] = set()
        self._made: dict[Function, TableName] = {}

    def share_deletes(self) -> None:
        """Let all AUTO CDC flows of a target know whether any of them deletes, or truncates.

        A late event must not bring back what another flow took away. Called when all is loaded.
        """
        changes = [(flow.target, flow.change) for flow in self.flows.values() if flow.change]
        deleting = {target for target, each in changes if each.apply_as_deletes is not None}
        truncating = {target for target, each in changes if each.apply_as_truncates is not None}
        for name, flow in self.flows.items():
            if flow.change is not None:
                change = replace(
                    flow.change,
                    target_has_deletes=flow.target in deleting,
                    target_has_truncates=flow.target in truncating,
                )
                self.flows[name] = replace(flow, change=change)

    def resolve(self, name: str) -> TableName:
        """Complete a dataset's name; a leading `LIVE.` is dropped.

        Raises:
            UsageError: NAME_INVALID.
        """
        plain = name[5:] if name.lower().startswith("live.") else name
        return table_name(plain, *self.namespace)

    def use(self, catalog: str | None = None, schema: str | None = None) -> None:
        """Complete names with another catalog or schema, as `USE` does; without any, as before.

        Where only a catalog is named, the schema stays.
        """
        if catalog is None and schema is None:
            self.namespace = (self.catalog, self.schema)
        else:
            self.namespace = (catalog or self.namespace[0], schema or self.namespace[1])

    def add_dataset(self, dataset: Dataset) -> None:
        """Add a dataset; a second one of the same name is a fault that names both places."""
        first = self.datasets.get(dataset.name)
        if first is not None:
            self._duplicate("dataset", str(dataset.name), dataset.location, first.location)
            return
        self.datasets[dataset.name] = dataset

    def add_flow(self, flow: Flow) -> None:
        """Add a flow; flow names are unique in a pipeline, because they name checkpoints.

        Checkpoints are folders, and names of folders may not be case-sensitive.
        """
        first = self._flows_by_case.setdefault(flow.name.casefold(), flow)
        if first is not flow:
            is_same = first.target == flow.target and first.location == flow.location
            if is_same and first.own and flow.own:
                return  # the dataset itself was declared twice, which is a fault of its own
            self._duplicate("flow", flow.name, flow.location, first.location)
            return
        self.flows[flow.name] = replace(flow, namespace=self.namespace)

    def flow_name(self, table: TableName) -> str:
        """Name the flow of a dataset's own query: the dataset, as short as it can be written.

        However the source spells the dataset, the name is the same, because it names the
        checkpoint.
        """
        if table.catalog != self.catalog.lower():
            return str(table)
        return (
            table.table if table.schema == self.schema.lower() else f"{table.schema}.{table.table}"
        )

    def with_rules(
        self, function: Function, rules: Sequence[Expectation], where: Location
    ) -> Function:
        """Put rules on a function, or on the dataset that a decorator above has made of it.

        Returns:
            What carries the rules; `function` itself carries no more than before.

        Raises:
            DefinitionError: EXPECTATION_DUPLICATE.
        """
        owner = self._made.get(function)
        if owner is not None:
            dataset = self.datasets[owner]
            joined = unique_rules([*rules, *dataset.expectations], str(owner), where)
            self.datasets[owner] = replace(dataset, expectations=joined)
            return function
        carrier = _passing_on(function)
        before = self._rules.get(function)
        joined = unique_rules([*rules, *(before.rules if before else ())], _name(function), where)
        self._rules[carrier] = _Rules(joined, where)
        self._claimed.add(function)  # what it carried goes on in what is returned
        return carrier

    def claim_rules(self, function: Function) -> tuple[Expectation, ...]:
        """Return the rules on `function`, for a dataset to take."""
        self._claimed.add(function)
        found = self._rules.get(function)
        return found.rules if found else ()

    def has_rules(self, function: Function) -> bool:
        """Whether `function` has rules."""
        return function in self._rules

    def made_into(self, dataset: TableName, function: Function) -> Function:
        """Return a function that represents a dataset: rules applied to it are the dataset's."""
        made = _passing_on(function)
        self._made[made] = dataset
        return made

    def close(self) -> None:
        """Report rules that no dataset took: a rule is never silently ignored."""
        for function, hanging in self._rules.items():
            if function in self._claimed:
                continue
            self.faults.append(
                DefinitionError(
                    "EXPECTATION_WITHOUT_DATASET",
                    f"Expectation '{hanging.rules[0].name}' is on '{_name(function)}', "
                    "which does not define a dataset",
                    where=hanging.where,
                    hint="Apply the dataset decorator (@dp.table, ...) to what the expectation "
                    "returns; rules of an append flow go on its target table.",
                    expectation=hanging.rules[0].name,
                )
            )
        self._rules.clear()

    def _duplicate(self, what: str, name: str, where: Location, first: Location) -> None:
        self.faults.append(
            DefinitionError(
                f"DUPLICATE_{what.upper()}",
                f"The {what} '{name}' is defined twice, first at {first}",
                where=where,
                hint=f"Give each {what} its own name; in loops, derive it from the loop value.",
                name=name,
                first=first,
            )
        )


def unique_rules(
    rules: list[Expectation], owner: str, where: Location | None
) -> tuple[Expectation, ...]:
    """Check that no two rules of a dataset share a name.

    Raises:
        DefinitionError: EXPECTATION_DUPLICATE.
    """
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise DefinitionError(
                "EXPECTATION_DUPLICATE",
                f"'{owner}' has two expectations named '{rule.name}'",
                where=where,
                hint="Give each expectation of a dataset its own name.",
                expectation=rule.name,
            )
        seen.add(rule.name)
    return tuple(rules)


def _passing_on(function: Function) -> Function:
    """Make another function that does the same, so that the two can be told apart."""

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        return function(*arguments, **named)

    return call


def _name(function: Function) -> str:
    return str(getattr(function, "__name__", type(function).__name__))
