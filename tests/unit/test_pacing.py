"""How often flows run and are tried again, as a pipeline's settings have it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from test_scheduler import flow

from headwater.bundle import PipelineSpec
from headwater.engine.pacing import (
    FLOW_RETRIES,
    INTERVAL,
    RETENTION,
    UPDATE_RETRIES,
    Retries,
    duration_seconds,
    read_intervals,
    read_retention,
    read_retries,
    wait_seconds,
)
from headwater.errors import Location, UsageError
from headwater.graph.dag import Graph, ResolvedFlow
from headwater.graph.model import Dataset, DatasetKind, FlowKind, ReplaceWhere

WHERE = Location("databricks.yml", 3)


def spec(development: bool = False, **configuration: str) -> PipelineSpec:
    return PipelineSpec(
        key="p",
        name="p",
        catalog="c",
        schema="s",
        source_files=(Path("a.py"),),
        root_path=None,
        configuration={key.replace("_", "."): value for key, value in configuration.items()},
        parameters={},
        dependencies=(),
        continuous=False,
        development=development,
        no_effect=(),
        location=WHERE,
    )


def of(each: ResolvedFlow, kind: FlowKind, **conf: str) -> ResolvedFlow:
    settings = {key.replace("_", "."): value for key, value in conf.items()}
    return replace(each, flow=replace(each.flow, kind=kind, spark_conf=settings))


def graph(*flows: ResolvedFlow, **properties: str) -> Graph:
    made = {key.replace("_", "."): value for key, value in properties.items()}
    kind = DatasetKind.STREAMING_TABLE
    datasets = {
        each.flow.target: Dataset(each.flow.target, Location("x.py"), kind, table_properties=made)
        for each in flows
    }
    return Graph(datasets, {}, flows, ())


def repeatable(each: ResolvedFlow) -> ResolvedFlow:
    return replace(each, plan=replace(each.plan, is_repeatable=True))


@pytest.mark.parametrize(
    ("given", "continuous", "expected"),
    [
        (spec(), False, Retries(2, 5)),
        (spec(), True, Retries(2, None)),
        (spec(development=True), False, Retries(2, 0)),
        (spec(development=True), True, Retries(2, 0)),
    ],
)
def test_production_starts_failed_updates_again(
    given: PipelineSpec, continuous: bool, expected: Retries
) -> None:
    assert read_retries(given, continuous=continuous) == expected


def test_retries_are_read_from_the_configuration() -> None:
    given = replace(spec(), configuration={FLOW_RETRIES: "0", UPDATE_RETRIES: " 1 "})
    for continuous in (False, True):
        assert read_retries(given, continuous=continuous) == Retries(0, 1)


@pytest.mark.parametrize("setting", [FLOW_RETRIES, UPDATE_RETRIES])
@pytest.mark.parametrize("text", ["", "-1", "two", "1.5"])
def test_retries_that_are_no_number_are_refused(setting: str, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_retries(replace(spec(), configuration={setting: text}), continuous=False)
    assert (caught.value.code, caught.value.where) == ("SETTING_INVALID", WHERE)
    assert caught.value.parameters["setting"] == setting


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10 seconds", 10), ("1 Hour", 3600), (" 2 minutes ", 120), ("3 day", 259200)],
)
def test_durations_are_read_in_any_unit(text: str, seconds: int) -> None:
    assert duration_seconds(INTERVAL, text, WHERE) == seconds


@pytest.mark.parametrize("text", ["", "10", "seconds", "-1 second", "1.5 hours", "1 month"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        duration_seconds(INTERVAL, text, WHERE)
    assert caught.value.code == "SETTING_INVALID"


def test_intervals_without_settings() -> None:
    stream = of(flow("stream"), FlowKind.APPEND)
    view = repeatable(of(flow("view", "stream"), FlowKind.MATERIALIZED_VIEW))
    files = of(flow("files"), FlowKind.MATERIALIZED_VIEW)
    found = read_intervals(graph(stream, view, files), spec())
    assert found == {"stream": 5.0, "view": 60.0, "files": 600.0}
    window = of(flow("window"), FlowKind.REPLACE_WHERE)
    window = replace(window, flow=replace(window.flow, replaces=ReplaceWhere("id > 0")))
    assert read_intervals(graph(window), spec()) == {"window": 600.0}


def test_interval_of_a_flow_comes_before_that_of_its_table_and_of_the_pipeline() -> None:
    own = of(flow("own"), FlowKind.APPEND, pipelines_trigger_interval="1 second")
    plain = of(flow("plain"), FlowKind.APPEND)
    whole = spec(pipelines_trigger_interval="3 seconds")
    found = read_intervals(graph(own, plain, pipelines_trigger_interval="2 seconds"), whole)
    assert found == {"own": 1.0, "plain": 2.0}
    assert read_intervals(graph(plain), whole) == {"plain": 3.0}


def test_wrong_interval_of_a_flow_is_told_at_its_line() -> None:
    wrong = of(flow("wrong"), FlowKind.APPEND, pipelines_trigger_interval="often")
    with pytest.raises(UsageError) as caught:
        read_intervals(graph(wrong), spec())
    assert caught.value.where == Location("x.py")


def test_pauses_grow_up_to_a_minute() -> None:
    assert [wait_seconds(n) for n in (1, 2, 3, 6, 7, 10**6)] == [1, 2, 4, 32, 60, 60]


def test_events_are_kept_for_ever_unless_the_configuration_tells_how_long() -> None:
    assert read_retention(spec()) is None
    kept = replace(spec(), configuration={RETENTION: "2 weeks"})
    assert read_retention(kept) == timedelta(days=14)
    with pytest.raises(UsageError) as caught:
        read_retention(replace(spec(), configuration={RETENTION: "for ever"}))
    assert caught.value.parameters["setting"] == RETENTION
