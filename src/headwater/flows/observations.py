"""Have the rules of a flow's target, and of the views on the way, counted while it writes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame, Observation

from headwater.expectations.rules import QualityCounts, enforce, read_counts
from headwater.graph.model import Dataset, Expectation
from headwater.names import TableName
from headwater.observed import TIMEOUT_SECONDS, observed

Observed = dict[str, dict[str, int | None]]
"""Numbers by the name of an observation."""


@dataclass
class Observations:
    """Maps the observations of one attempt to datasets and rules.

    A view that a query reads twice is observed twice and reported once.

    Attributes:
        flow: name of the flow, for errors.
        is_batch: a batch is observed by objects, a stream by names.
        shows_records: errors of fail rules may hold the records that broke them.
    """

    flow: str
    is_batch: bool
    shows_records: bool
    _watched: dict[str, tuple[TableName, tuple[Expectation, ...]]] = field(default_factory=dict)
    _handles: dict[str, Observation] = field(default_factory=dict)

    def anew(self) -> Observations:
        """Return the same for another batch, of which nothing is observed yet."""
        return Observations(self.flow, self.is_batch, self.shows_records)

    def watch(self, frame: DataFrame, dataset: Dataset, spared: Column | None = None) -> DataFrame:
        """Enforce a dataset's rules on a frame and have their numbers observed.

        Args:
            spared: condition of rows that no rule drops.
        """
        name = f"{dataset.name}#{len(self._watched)}"
        self._watched[name] = (dataset.name, dataset.expectations)
        observation: Any = name
        if self.is_batch:
            observation = self._handles[name] = Observation(name)
        return enforce(
            frame,
            dataset.expectations,
            observation=observation,
            flow=self.flow,
            show_records=self.shows_records,
            spared=spared,
        )

    def counts(self, observed: Observed) -> dict[TableName, QualityCounts]:
        """Read the numbers of one micro-batch or batch, by dataset."""
        found: dict[TableName, QualityCounts] = {}
        for name, (dataset, rules) in self._watched.items():
            if name in observed and dataset not in found:
                found[dataset] = read_counts(observed[name], rules, str(dataset))
        return found

    def of_batch(self) -> Observed:
        """Collect what Spark delivers just after a batch; a part that never ran has no result."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        found = {name: observed(each, deadline) for name, each in self._handles.items()}
        return {name: dict(numbers) for name, numbers in found.items() if numbers is not None}
