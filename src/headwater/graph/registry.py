"""Where declarations end up: one registry per load of a pipeline's source.

It keeps every fault instead of stopping at the first, so that one run shows them all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from headwater.errors import DefinitionError, HeadwaterError, Location, UsageError
from headwater.graph.model import Dataset, Expectation, Flow
from headwater.names import TableName, table_name

_PACKAGE = str(Path(__file__).parent.parent)


class Registry:
    """The datasets and flows that a pipeline's files declared, and what was wrong with them.

    Args:
        catalog: default catalog of unqualified names.
        schema: default schema of unqualified names.
    """

    def __init__(self, catalog: str, schema: str) -> None:
        self.catalog = catalog
        self.schema = schema
        self.datasets: dict[TableName, Dataset] = {}
        self.flows: dict[str, Flow] = {}
        self.faults: list[HeadwaterError] = []
        self._unclaimed: dict[Callable[..., Any], tuple[list[Expectation], Location]] = {}

    def resolve(self, name: str) -> TableName:
        """Complete a dataset's name; `LIVE.` in front of it means nothing and goes.

        Raises:
            UsageError: NAME_INVALID.
        """
        plain = name[5:] if name.lower().startswith("live.") else name
        return table_name(plain, self.catalog, self.schema)

    def add_dataset(self, dataset: Dataset) -> None:
        """Take a dataset in; a second one of the same name is a fault that names both places."""
        first = self.datasets.get(dataset.name)
        if first is not None:
            self._duplicate("dataset", str(dataset.name), dataset.location, first.location)
            return
        self.datasets[dataset.name] = dataset

    def add_flow(self, flow: Flow) -> None:
        """Take a flow in; flow names are unique in a pipeline, for they name checkpoints."""
        first = self.flows.get(flow.name)
        if first is not None:
            if first.target == flow.target and first.location == flow.location:
                return  # the dataset itself was declared twice, which is a fault of its own
            self._duplicate("flow", flow.name, flow.location, first.location)
            return
        self.flows[flow.name] = flow

    def add_expectation(
        self, function: Callable[..., Any], expectation: Expectation, where: Location
    ) -> None:
        """Remember a rule until the dataset decorator above it claims it."""
        rules, _ = self._unclaimed.setdefault(function, ([], where))
        rules.insert(0, expectation)  # decorators apply from the bottom up

    def claim_expectations(
        self, function: Callable[..., Any], owner: str
    ) -> tuple[Expectation, ...]:
        """Hand the rules on `function` to the dataset that it defines.

        Raises:
            DefinitionError: EXPECTATION_DUPLICATE.
        """
        rules, where = self._unclaimed.pop(function, ([], None))
        return unique_rules(rules, owner, where)

    def has_unclaimed(self, function: Callable[..., Any]) -> bool:
        """Whether rules stand on `function` that no dataset has taken yet."""
        return function in self._unclaimed

    def close(self) -> None:
        """Report what a finished load left hanging: a rule is never silently ignored."""
        for function, (rules, where) in self._unclaimed.items():
            self.faults.append(
                DefinitionError(
                    "EXPECTATION_WITHOUT_DATASET",
                    f"Expectation '{rules[0].name}' stands on '{function.__name__}', "
                    "which defines no dataset",
                    where=where,
                    hint="Put the dataset decorator (@dp.table, ...) above the expectations; "
                    "rules of an append flow go on its target table.",
                    expectation=rules[0].name,
                )
            )
        self._unclaimed.clear()

    def _duplicate(self, what: str, name: str, where: Location, first: Location) -> None:
        self.faults.append(
            DefinitionError(
                f"DUPLICATE_{what.upper()}",
                f"The {what} '{name}' is defined twice, first at {first}",
                where=where,
                hint=f"Give each {what} a name of its own; in loops, build it from the loop value.",
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
                hint="Give each expectation of a dataset a name of its own.",
                expectation=rule.name,
            )
        seen.add(rule.name)
    return tuple(rules)


def calling_location() -> Location:
    """Find the line of the user's file that is being executed: the nearest frame not ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_internal(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return Location("<unknown>")
    return Location(frame.f_code.co_filename, frame.f_lineno)


def is_internal(file: str) -> bool:
    """Whether a code object's file belongs to Headwater, PySpark, py4j or Python itself."""
    parts = Path(file).parts
    return (
        file.startswith((_PACKAGE, "<"))
        or "pyspark" in parts
        or "py4j" in parts
        or ("lib" in parts and "site-packages" not in parts and file.startswith(sys.base_prefix))
    )


def function_location(function: Callable[..., Any]) -> Location:
    """Say where a function is defined, its decorators included."""
    code = getattr(function, "__code__", None)
    if code is None or is_internal(code.co_filename):
        return calling_location()
    return Location(code.co_filename, code.co_firstlineno)


def located(error: UsageError, where: Location) -> DefinitionError:
    """Turn a usage error that was met in pipeline source into a fault with its place."""
    return DefinitionError(
        error.code, error.message, where=where, hint=error.hint, **error.parameters
    )
