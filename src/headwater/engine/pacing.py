"""How often flows run and are tried again, and how long that is told: a pipeline's settings.

    pipelines.trigger.interval         seconds between two turns at a flow of a continuous update
    pipelines.maxFlowRetryAttempts     how often a flow is tried again within an update
    pipelines.numUpdateRetryAttempts   how often a failed update is started again
    headwater.eventLog.retention       how long events are kept

Source: "Pipeline properties reference" and "Run a pipeline update" in Databricks' documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from headwater.bundle import PipelineSpec
from headwater.errors import Location, UsageError
from headwater.graph.dag import Graph, ResolvedFlow
from headwater.graph.model import FlowKind, ReplaceWhere
from headwater.intervals import interval_seconds

INTERVAL = "pipelines.trigger.interval"
FLOW_RETRIES = "pipelines.maxFlowRetryAttempts"
UPDATE_RETRIES = "pipelines.numUpdateRetryAttempts"
RETENTION = "headwater.eventLog.retention"
"""Ours: Databricks documents that an event log keeps its rows, and no setting for it."""

STREAM_SECONDS = 5.0
VIEW_SECONDS = 60.0
"""Of a materialized view that changes only with the tables that it reads."""
OTHER_VIEW_SECONDS = 600.0
SHORTEST_SECONDS = 0.1
"""An interval of 0 means this: looking at inputs without a pause finds nothing sooner."""
LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class Retries:
    """How often what failed is tried again, if trying again can help.

    Attributes:
        flow: within an update.
        update: starts of the whole update after the first; None without end.
    """

    flow: int = 2
    update: int | None = 0

    def allows(self, failures: int) -> bool:
        """Whether a flow of a continuous update is tried again after failures in a row.

        It stays within its update: what would be a new one is only a further round of attempts.
        """
        return self.update is None or failures < (self.flow + 1) * (self.update + 1)

    def allows_update(self, failures: int) -> bool:
        """Whether an update is started again after failures in a row."""
        return self.update is None or failures <= self.update


def wait_seconds(failures: int) -> float:
    """Return how long to wait after failures in a row: 1, 2, 4 seconds and so on to a minute.

    Example:
        >>> [wait_seconds(n) for n in (1, 2, 3, 99)]
        [1.0, 2.0, 4.0, 60.0]
    """
    return min(2.0 ** min(failures - 1, 10), LONGEST_WAIT_SECONDS)


def read_retries(spec: PipelineSpec, *, continuous: bool) -> Retries:
    """Read how often a pipeline tries again; in development mode it starts no update again.

    Raises:
        UsageError: SETTING_INVALID.
    """
    flow = _count(spec, FLOW_RETRIES, 2)
    update = _count(spec, UPDATE_RETRIES, None if continuous else 5)
    return Retries(2 if flow is None else flow, 0 if spec.development else update)


def read_intervals(graph: Graph, spec: PipelineSpec) -> dict[str, float]:
    """Read the seconds between two turns at each flow, by the flow's name.

    The flow's `spark_conf` counts before the table's properties, and these before the pipeline's
    configuration; without any a stream has 5 seconds, a view that changes only with its tables a
    minute, another one ten minutes.

    Raises:
        UsageError: SETTING_INVALID, at the line of the flow or the pipeline.
    """
    return {each.flow.name: _interval(each, graph, spec) for each in graph.flows}


def read_retention(spec: PipelineSpec) -> timedelta | None:
    """Read how long a pipeline keeps its events; None for ever, which is so without the setting.

    Raises:
        UsageError: SETTING_INVALID.
    """
    text = spec.configuration.get(RETENTION)
    if text is None:
        return None
    return timedelta(seconds=duration_seconds(RETENTION, text, spec.location))


def _interval(resolved: ResolvedFlow, graph: Graph, spec: PipelineSpec) -> float:
    flow, dataset = resolved.flow, graph.datasets[resolved.flow.target]
    given: tuple[tuple[Mapping[str, str], Location], ...] = (
        (flow.spark_conf, flow.location),
        (dataset.table_properties, dataset.location),
        (spec.configuration, spec.location),
    )
    for settings, where in given:
        if INTERVAL in settings:
            seconds = duration_seconds(INTERVAL, settings[INTERVAL], where)
            return max(seconds, SHORTEST_SECONDS)
    if isinstance(flow.replaces, ReplaceWhere):  # each turn writes its rows anew
        return OTHER_VIEW_SECONDS
    if flow.kind is not FlowKind.MATERIALIZED_VIEW:
        return STREAM_SECONDS
    of_tables = all(each.plan.is_repeatable for each in graph.views_behind(resolved.inputs))
    return VIEW_SECONDS if of_tables and resolved.plan.is_repeatable else OTHER_VIEW_SECONDS


def duration_seconds(setting: str, text: str, where: Location | None) -> float:
    """Read a duration such as `10 seconds` or `1 hour`.

    Raises:
        UsageError: SETTING_INVALID.
    """
    found = interval_seconds(text, exact=True)
    if found is None:
        raise _invalid(setting, text, where, "Write a number and a unit, such as 10 seconds.")
    return found


def _count(spec: PipelineSpec, setting: str, default: int | None) -> int | None:
    text = spec.configuration.get(setting)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]+", text.strip()):
        raise _invalid(setting, text, spec.location, "Write a whole number, such as 2.")
    return int(text)


def _invalid(setting: str, text: str, where: Location | None, hint: str) -> UsageError:
    return UsageError(
        "SETTING_INVALID",
        f"{setting} can't be {text!r}",
        where=where,
        hint=hint,
        setting=setting,
    )
