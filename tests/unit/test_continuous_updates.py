"""When flows of a continuous update take their turns, and what ends them; without Spark."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from test_scheduler import Recorder, flow

from headwater.engine.continuous import ContinuousScheduler
from headwater.engine.pacing import Retries
from headwater.errors import SchemaChange, SourceFileError
from headwater.flows.stopping import Stopping
from headwater.graph.dag import Graph, ResolvedFlow

SOON, NEVER = 0.001, 3600.0


class Turns(Recorder):
    """Runs flows until `enough` of the counted turns were taken, each a moment after the last."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[str] = []

    def run_on(
        self,
        flows: list[ResolvedFlow],
        work: Callable[[str], None],
        *,
        enough: Callable[[list[str]], bool] = lambda _: False,
        retries: Retries = Retries(update=None),  # noqa: B008 - frozen
        interval: float = SOON,
        **more: object,
    ) -> ContinuousScheduler:
        lock = threading.Lock()

        def turn(each: ResolvedFlow) -> None:
            with lock:
                self.taken.append(each.flow.name)
            try:
                work(each.flow.name)
            finally:
                with lock:
                    if enough(self.taken):
                        self.asked.set()

        graph = Graph({}, {}, tuple(flows), ())
        intervals = {each.flow.name: interval for each in flows}
        scheduler = ContinuousScheduler(
            graph,
            turn,
            self.events,
            Stopping(self.asked),
            intervals,
            retries,
            **more,  # type: ignore[arg-type]
        )
        scheduler.run(flows)
        return scheduler


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.engine.continuous.wait_seconds", lambda _: SOON)


def test_each_flow_takes_turns_until_the_update_is_stopped() -> None:
    turns = Turns()
    flows = [flow("a"), flow("b", "a")]
    turns.run_on(flows, lambda _: None, enough=lambda t: min(map(t.count, "ab")) >= 3)
    assert turns.told[:2] == ["start a", "start b"]
    assert sorted(turns.told[2:]) == ["stop a", "stop b"]


def test_flows_run_side_by_side() -> None:
    meeting = threading.Barrier(2, timeout=10)
    turns = Turns()
    flows = [flow("a"), flow("b", "a")]
    turns.run_on(
        flows, lambda _: meeting.wait() and None, enough=lambda t: len(t) == 2, interval=NEVER
    )
    assert sorted(turns.taken) == ["a", "b"]


def test_next_turn_waits_for_the_interval() -> None:
    turns = Turns()
    flows = [flow("slow"), flow("fast")]
    now = [0.0]

    def work(name: str) -> None:
        now[0] += 1.0
        if turns.taken.count("fast") == 5:
            turns.asked.set()

    graph = Graph({}, {}, tuple(flows), ())

    def turn(each: ResolvedFlow) -> None:
        turns.taken.append(each.flow.name)
        work(each.flow.name)

    ContinuousScheduler(
        graph,
        turn,
        turns.events,
        Stopping(turns.asked),
        {"slow": 1000.0, "fast": 0.0},
        Retries(),
        clock=lambda: now[0],
    ).run(flows)
    assert turns.taken.count("slow") == 1


def test_view_is_first_computed_from_what_its_inputs_read() -> None:
    turns = Turns()
    flows = [flow("view", "b"), flow("b", "a"), flow("a")]
    turns.run_on(
        flows, lambda _: None, enough=lambda t: "view" in t, interval=NEVER, after_inputs={"view"}
    )
    assert sorted(turns.taken[:2]) == ["a", "b"]
    assert turns.taken[2:] == ["view"]


@pytest.mark.parametrize(
    "failure",
    [ConnectionError("Connection reset"), SourceFileError("SOURCE_FILE_CORRUPT", "half written")],
)
def test_failure_that_may_mend_is_tried_again_without_end(failure: Exception) -> None:
    def work(_: str) -> None:
        if len(turns.taken) < 8:
            raise failure

    turns = Turns()
    turns.run_on([flow("a")], work, enough=lambda t: len(t) == 9)
    assert [each for each in turns.told if "retry" in each] == [f"retry a {n}" for n in range(1, 8)]
    assert turns.told[-1] == "stop a"


@pytest.mark.parametrize("last", [3, 4])
def test_flow_that_was_failing_when_the_update_was_stopped_has_failed(last: int) -> None:
    def work(name: str) -> None:
        if name == "a" and len(turns.taken) < 4:
            raise ConnectionError("Connection reset")

    turns = Turns()
    turns.run_on([flow("a")], work, enough=lambda t: len(t) == last)
    assert turns.told[-1] == ("fail a" if last == 3 else "stop a")


def test_flow_that_fails_once_as_the_update_is_stopped_has_not_failed() -> None:
    def work(_: str) -> None:
        raise ConnectionError("Connection reset")

    turns = Turns()
    turns.run_on([flow("a")], work, enough=lambda t: len(t) == 1)
    assert turns.told == ["start a", "stop a"]


def test_failures_count_from_the_last_success() -> None:
    def work(_: str) -> None:
        if len(turns.taken) % 2:
            raise ConnectionError("Connection reset")

    turns = Turns()
    turns.run_on([flow("a")], work, enough=lambda t: len(t) == 6, retries=Retries(1, 0))
    assert set(turns.told) == {"start a", "retry a 1", "stop a"}


def test_failures_in_a_row_end_a_flow_once_they_are_too_many() -> None:
    def work(name: str) -> None:
        raise ConnectionError("Connection reset")

    turns = Turns()
    turns.run_on([flow("a")], work, retries=Retries(2, 1))
    assert turns.told == ["start a", *(f"retry a {n}" for n in range(1, 6)), "fail a"]


def test_what_can_not_mend_ends_the_flow_and_its_readers_and_spares_the_others() -> None:
    def work(name: str) -> None:
        if name == "a":
            raise ValueError

    turns = Turns()
    flows = [flow("a"), flow("b", "a"), flow("c", "b"), flow("d")]
    turns.run_on(
        flows, work, enough=lambda t: t.count("d") > 3 and {"skip b", "skip c"} <= set(turns.told)
    )
    assert turns.taken.count("a") == 1
    assert {"fail a", "skip b", "skip c", "stop d"} <= set(turns.told)
    assert not {"stop a", "stop b", "stop c"} & set(turns.told)


def test_update_ends_by_itself_when_no_flow_is_left() -> None:
    def work(name: str) -> None:
        if name == "a":
            raise ValueError

    turns = Turns()
    turns.run_on([flow("a"), flow("once")], work, once={"once"})
    assert turns.taken.count("once") == 1
    assert not turns.asked.is_set()


def test_new_columns_end_all_flows() -> None:
    def work(name: str) -> None:
        if name == "a":
            raise SchemaChange("NEW", "new columns")

    turns = Turns()
    scheduler = turns.run_on([flow("a"), flow("b")], work)
    assert scheduler.schema_change is not None
    assert sorted(turns.told[2:]) == ["fail a", "stop b"]


def test_interrupt_stops_what_runs() -> None:
    recorder, made = Recorder(), flow("a")
    stopping = Stopping(recorder.asked)
    running = threading.Event()

    def turn(_: ResolvedFlow) -> None:
        running.set()
        while not stopping.is_set():
            recorder.asked.wait(SOON)

    def clock() -> float:
        if running.is_set():
            raise KeyboardInterrupt
        return 0.0

    scheduler = ContinuousScheduler(
        Graph({}, {}, (made,), ()),
        turn,
        recorder.events,
        stopping,
        {"a": 0.0},
        Retries(),
        clock=clock,
    )
    with pytest.raises(KeyboardInterrupt):
        scheduler.run([made])
    assert stopping.is_set()
