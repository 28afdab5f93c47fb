"""The figures of an estimate, read from a YAML file that its user edits (resources/costs).

What does not live here: the arithmetic (`costs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from headwater.bundle.forms import Form
from headwater.bundle.shapes import ANY, NUMBER, TEXT, each, fields, list_of, named, needing
from headwater.errors import nearest
from headwater.operations.costs import (
    DAY_HOURS,
    MONTH_DAYS,
    Estimate,
    Figure,
    Storage,
    Workload,
    lines_of,
    runs_in_month,
    warnings_of,
    work_minutes_of,
)
from headwater.yaml_nodes import Node

_BASES = ("assumed", "measured", "quoted")
_FREQUENCY = "runs_per_month every_minutes hours_per_day days_per_month"
_VOLUME = "work_minutes gigabytes_per_run gigabytes_per_node_hour"
_COMPUTE = "nodes start_minutes vm_price_per_hour dbu_per_node_hour dbu_price"
_STORAGE = "gigabytes_per_month kept_months price_per_gigabyte_month"
_FIGURE = fields(value=NUMBER, basis=TEXT, source=TEXT)
_FORM = Form(
    "COSTS",
    "costs",
    fields(
        version=NUMBER,
        currency=TEXT,
        prices=each(ANY),
        workloads=list_of(
            needing("name", fields(name=TEXT, **named(ANY, f"{_FREQUENCY} {_VOLUME} {_COMPUTE}")))
        ),
        storage=list_of(needing("name", fields(name=TEXT, **named(ANY, _STORAGE)))),
    ),
    "Copy resources/costs/example.yml, and put your own figures in.",
)


def read_estimate(file: Path) -> Estimate:
    """Read the figures of a file and return what a month costs.

    Raises:
        UsageError: COSTS_NOT_FOUND, COSTS_INVALID; with file and line.
    """
    tree = _FORM.read(file)
    prices = {name: _figure(node, name, {}) for name, node in tree.below("prices").items()}
    reader = _Reader(prices)
    workloads = [reader.workload(node) for node in _items(tree, "workloads")]
    storage = [reader.storage(node) for node in _items(tree, "storage")]
    if not workloads and not storage:
        raise _FORM.refused(tree, "It has neither workloads nor storage", "Add one of them.")
    return Estimate(
        _FORM.text(tree, "currency", "USD"),
        lines_of(workloads, storage),
        list(dict.fromkeys(reader.used)),
        warnings_of(workloads),
    )


def _items(tree: Node, key: str) -> tuple[Node, ...]:
    found = tree.get(key)
    return found.items if found else ()


class _Reader:
    """Reads the figures of entries; `used` gathers them."""

    def __init__(self, prices: Mapping[str, Figure]) -> None:
        self._prices = prices
        self.used: list[Figure] = []

    def workload(self, node: Node) -> Workload:
        nodes = self._needed(node, "nodes")
        every_minutes, runs_per_month = self._frequency(node)
        return Workload(
            name=_FORM.text(node, "name"),
            runs_per_month=runs_per_month,
            nodes=nodes,
            start_minutes=self._needed(node, "start_minutes"),
            work_minutes=self._work_minutes(node, nodes),
            vm_price_per_hour=self._needed(node, "vm_price_per_hour"),
            dbu_per_node_hour=self._needed(node, "dbu_per_node_hour"),
            dbu_price=self._needed(node, "dbu_price"),
            every_minutes=every_minutes,
        )

    def storage(self, node: Node) -> Storage:
        name = _FORM.text(node, "name")
        return Storage(name, *(self._needed(node, key) for key in _STORAGE.split()))

    def _frequency(self, node: Node) -> tuple[float | None, float]:
        if _either(node, "runs_per_month", "every_minutes") == "runs_per_month":
            return None, self._needed(node, "runs_per_month")
        every_minutes = self._needed(node, "every_minutes", above_zero=True)
        hours = self._given(node, "hours_per_day")
        days = self._given(node, "days_per_month")
        runs = runs_in_month(
            every_minutes,
            DAY_HOURS if hours is None else hours,
            MONTH_DAYS if days is None else days,
        )
        return every_minutes, runs

    def _work_minutes(self, node: Node, nodes: float) -> float:
        if _either(node, "work_minutes", "gigabytes_per_run") == "work_minutes":
            return self._needed(node, "work_minutes")
        per_hour = self._needed(node, "gigabytes_per_node_hour", above_zero=True)
        if not nodes:
            raise _FORM.refused(node, "'nodes' is 0", "Write 1 or more.")
        return work_minutes_of(self._needed(node, "gigabytes_per_run"), per_hour, nodes)

    def _needed(self, node: Node, key: str, *, above_zero: bool = False) -> float:
        found = self._given(node, key)
        if found is None:
            raise _FORM.refused(node, f"An entry has no '{key}'", f"Add '{key}: NUMBER'.")
        if above_zero and not found:
            raise _FORM.refused(node, f"'{key}' is 0", "Write a number above 0.")
        return found

    def _given(self, node: Node, key: str) -> float | None:
        found = node.get(key)
        if found is None:
            return None
        figure = _figure(found, f"{_FORM.text(node, 'name')}.{key}", self._prices)
        self.used.append(figure)
        return figure.value


def _either(node: Node, one: str, other: str) -> str:
    given = [key for key in (one, other) if node.get(key) is not None]
    if len(given) != 1:
        message = f"An entry has {'both' if given else 'neither'} '{one}' and '{other}'"
        raise _FORM.refused(node, message.replace("neither", "neither of"), "Keep one of them.")
    return given[0]


def _figure(node: Node, path: str, prices: Mapping[str, Figure]) -> Figure:
    if node.kind == "text":
        name = str(node.value)
        if name not in prices:
            hint = nearest(name, prices) or "Write a number, or the name of one of 'prices'."
            raise _FORM.refused(node, f"There is no price '{name}'", hint)
        return replace(prices[name], path=f"prices.{name}")
    if node.kind != "map":
        return Figure(path, _FORM.number_of(node, path))
    return _with_basis(node, path)


def _with_basis(node: Node, path: str) -> Figure:
    unknown = next(_unknown(node), None)
    if unknown is not None:
        hint = nearest(unknown, _FIGURE.keys) or "Known here: value, basis, source."
        raise _FORM.refused(node.entries[unknown], f"Unknown key '{unknown}'", hint)
    value = _FORM.number(node, "value")
    basis = _FORM.text(node, "basis", _BASES[0])
    if value is None:
        raise _FORM.refused(node, f"'{path}' has no 'value'", "Add 'value: NUMBER'.")
    if basis not in _BASES:
        hint = nearest(basis, _BASES) or f"Choose one of {', '.join(_BASES)}."
        raise _FORM.refused(node, f"'basis' can't be '{basis}'", hint)
    return Figure(path, value, basis, _FORM.text(node, "source", ""))


def _unknown(node: Node) -> Iterator[str]:
    return (key for key in node.entries if key not in _FIGURE.keys)
