"""The functions of the pipeline API for what leaves the pipeline: sinks and hooks.

Source: "Sinks" and "ForEachBatch" in the Lakeflow Python reference, pages of 2026. What does not
live here: flows, which write into tables and sinks alike (`flow_api`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headwater.errors import UsageError
from headwater.graph import arguments as given
from headwater.graph.locations import current_location, function_location, located
from headwater.graph.model import Dataset, DatasetKind, EventHook, Sink
from headwater.graph.registry import Registry
from headwater.names import split_name

Function = Callable[..., Any]

FOREACH_BATCH = "foreachBatch"
"""Format of a sink that is a function, as the event log names it."""


class SinkApi:
    """The API of one load; every public method is a function of the bound modules."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def create_sink(
        self,
        name: str,
        format: str,
        options: dict[str, str] | None = None,
    ) -> None:
        """Define a place outside the pipeline, which append flows write to."""
        kind = given.text(format, "format").lower()
        values = given.text_map(options, "options")
        if kind == "delta":
            _check_delta(values)
        self._add(given.text(name, "name"), Sink(kind, values))

    def foreach_batch_sink(
        self, batch_function: Function | None = None, *, name: str | None = None
    ) -> Any:
        """Define a function of each micro-batch and its number as a sink."""

        def decorate(function: Function) -> Function:
            sink = Sink(FOREACH_BATCH, function=function)
            self._add(given.text(name or function.__name__, "name"), sink, function)
            return function

        return decorate if batch_function is None else decorate(batch_function)

    def on_event_hook(
        self,
        hook_function: Function | None = None,
        *,
        max_allowable_consecutive_failures: int | None = None,
    ) -> Any:
        """Have a function called with each event of an update, beside it."""
        most = max_allowable_consecutive_failures
        if most is not None and (type(most) is not int or most < 0):
            raise given.fault(
                "ARGUMENT_INVALID",
                "'max_allowable_consecutive_failures' takes a whole number from 0, or None",
                "Write @dp.on_event_hook(max_allowable_consecutive_failures=3).",
            )

        def decorate(function: Function) -> Function:
            where = function_location(function)
            self._registry.hooks.append(EventHook(function.__name__, function, where, most))
            return function

        return decorate if hook_function is None else decorate(hook_function)

    def _add(self, name: str, sink: Sink, function: Function | None = None) -> None:
        where = function_location(function) if function else current_location()
        self._registry.add_dataset(
            Dataset(
                given.dataset_name(self._registry, name, "name"), where, DatasetKind.SINK, sink=sink
            )
        )


def _check_delta(options: Mapping[str, str]) -> None:
    """Check that a sink names one Delta table, in full: no default completes its name."""
    lower = {key.lower(): value for key, value in options.items()}
    if ("path" in lower) == ("tablename" in lower):
        raise given.fault(
            "SINK_OPTIONS_INVALID",
            "A Delta sink takes one of the options path and tableName",
            'Write options={"tableName": "catalog.schema.table"}, or {"path": "..."}.',
        )
    table = lower.get("tablename")
    if table is not None and len(_parts(table)) != len(("catalog", "schema", "table")):
        raise given.fault(
            "SINK_OPTIONS_INVALID",
            f"The tableName of a Delta sink is catalog.schema.table, not '{table}'",
            "Write all three parts.",
        )


def _parts(name: str) -> tuple[str, ...]:
    try:
        return split_name(name)
    except UsageError as error:
        raise located(error) from None
