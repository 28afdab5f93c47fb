"""Order, retries and skips, without Spark."""

import threading
from collections.abc import Callable

import pytest
from pyspark.sql.types import StructType

from headwater.engine.scheduler import FlowEvents, Scheduler
from headwater.errors import Location, SchemaChange
from headwater.flows.stopping import Stopping
from headwater.graph.dag import Graph, ResolvedFlow
from headwater.graph.model import Flow
from headwater.names import TableName


def table(name: str) -> TableName:
    return TableName("c", "s", name)


def flow(name: str, *reads: str) -> ResolvedFlow:
    made = Flow(name, table(name), lambda: None, Location("x.py"))  # type: ignore[arg-type, return-value]
    inputs = frozenset(map(table, reads))
    return ResolvedFlow(made, inputs, inputs, frozenset(), StructType([]))


class Recorder:
    """Keeps what the scheduler told, in order."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.asked = threading.Event()
        self.events = FlowEvents(
            started=lambda f: self.told.append(f"start {f.flow.name}"),
            retried=lambda f, _, n: self.told.append(f"retry {f.flow.name} {n}"),
            completed=lambda f: self.told.append(f"done {f.flow.name}"),
            failed=lambda f, _: self.told.append(f"fail {f.flow.name}"),
            skipped=lambda f, _: self.told.append(f"skip {f.flow.name}"),
            stopped=lambda f: self.told.append(f"stop {f.flow.name}"),
        )

    def run(
        self, flows: list[ResolvedFlow], work: Callable[[ResolvedFlow], None], retries: int = 2
    ) -> Scheduler:
        graph = Graph({}, {}, tuple(flows), ())
        scheduler = Scheduler(graph, work, self.events, Stopping(self.asked), retries)
        scheduler.run(flows)
        return scheduler


def test_flow_waits_for_what_it_reads() -> None:
    recorder = Recorder()
    order: list[str] = []
    flows = [flow("c", "b"), flow("b", "a"), flow("a")]
    recorder.run(flows, lambda f: order.append(f.flow.name))
    assert order == ["a", "b", "c"]


def test_independent_flows_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)
    recorder = Recorder()
    recorder.run([flow("a"), flow("b")], lambda _: meeting.wait() and None)
    assert sorted(recorder.told) == ["done a", "done b", "start a", "start b"]


def test_failure_skips_dependents_and_spares_the_others() -> None:
    def work(each: ResolvedFlow) -> None:
        if each.flow.name == "a":
            raise ValueError

    recorder = Recorder()
    recorder.run([flow("a"), flow("b", "a"), flow("c", "b"), flow("d")], work)
    assert {"fail a", "skip b", "skip c", "done d"} <= set(recorder.told)


@pytest.mark.parametrize(("failures", "last"), [(2, "done a"), (3, "fail a")])
def test_lost_connections_are_retried_twice(failures: int, last: str) -> None:
    left = [failures]

    def work(_: ResolvedFlow) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError("Connection reset")

    recorder = Recorder()
    recorder.run([flow("a")], work)
    assert recorder.told == ["start a", "retry a 1", "retry a 2", last]


def test_bad_data_is_not_retried() -> None:
    def work(_: ResolvedFlow) -> None:
        raise ValueError("bad row")

    recorder = Recorder()
    recorder.run([flow("a")], work)
    assert recorder.told == ["start a", "fail a"]


def test_schema_change_stops_what_has_not_started() -> None:
    def work(each: ResolvedFlow) -> None:
        if each.flow.name == "a":
            raise SchemaChange("UNKNOWN_FIELDS", "new columns")

    recorder = Recorder()
    scheduler = recorder.run([flow("a"), flow("b", "a")], work)
    assert scheduler.schema_change is not None
    assert "start b" not in recorder.told
    assert not recorder.asked.is_set()  # "stop" is the caller's word, and stays it
