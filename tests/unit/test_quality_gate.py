"""The gate: limits of a file, and verdicts over what was measured."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from textwrap import dedent

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from headwater.cli.gate import check_gate, measures_of
from headwater.errors import UsageError
from headwater.events.log import EventLog
from headwater.events.report import RuleTotals
from headwater.events.rows import Event
from headwater.names import TableName
from headwater.operations.measured import rows_of
from headwater.operations.tables import facts_of, tables_on_disk
from headwater.quality.gate import Verdict, judge
from headwater.quality.limits import Limits, RuleLimit, TableLimit, read_limits
from headwater.quality.measures import MeasuredUpdate, measured_updates
from headwater.settings import Settings
from headwater.state.target import open_target
from unit.operations_support import BUNDLE, make_table, shop

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)


def update(
    *rules: RuleTotals, state: str = "COMPLETED", hours_ago: float = 1, minutes: float = 5
) -> MeasuredUpdate:
    ended = NOW - timedelta(hours=hours_ago)
    started = ended - timedelta(minutes=minutes)
    return MeasuredUpdate("u", state, started, ended, rules, rules_since=rules)


def rule(name: str, failed: int, of: int, table: str = "main.s.t") -> RuleTotals:
    return RuleTotals(name, table, of - failed, failed)


def no_rows(table: str, at: datetime | None) -> int | None:
    raise AssertionError((table, at))


def told(verdicts: list[Verdict]) -> list[tuple[str, str, bool]]:
    return [(each.subject, each.measure, each.holds) for each in verdicts]


def test_limits_are_read(tmp_path: Path) -> None:
    file = tmp_path / "test.yml"
    file.write_text(
        dedent("""
        version: 1
        pipelines:
          flow:
            max_age_hours: 24
            rules:
              - {rule: valid age, table: silver.events, max_failed_share: 0.02, max_increase: 0}
              - {rule: "*", max_failed_share: 0.1}
            tables:
              - {table: gold.dim, min_rows: 10, max_change: 0.5}
          other: {max_minutes: 3}
        """)
    )
    assert read_limits(file) == {
        "flow": Limits(
            24,
            None,
            (RuleLimit("valid age", "silver.events", 0.02, 0), RuleLimit("*", "", 0.1)),
            (TableLimit("gold.dim", 10, 0.5),),
        ),
        "other": Limits(max_minutes=3),
    }


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("pipelines: {a: {max_minutes: 1}}", 1, "Add it at the top"),
        ("version: 2\npipelines: {a: {max_minutes: 1}}", 1, "Add it at the top"),
        ("version: 1\n", 1, "Add 'pipelines:'"),
        ("\n", 0, "Add it at the top"),
        ("version: 1\npipelines:\n  a:\n    max_minutes:", 4, "Write a number"),
        ("version: 1\npipelines:\n  a:\n    max_minute: 1", 4, "'max_minutes'"),
        ("version: 1\npipelines:\n  a:\n    max_minutes: soon", 4, "Write a number"),
        ("version: 1\npipelines:\n  a:\n    max_minutes: -1", 4, "Write a number"),
        ("version: 1\npipelines:\n  a:\n    max_minutes: .nan", 4, "Write a number"),
        ("version: 1\npipelines:\n  a:\n    max_age_hours: .inf", 4, "Write a number"),
        ("version: 1\npipelines: {a: {tables: [{table: t, min_rows: 0.5}]}}", 2, "100"),
        ("version: 1\npipelines: {a: {tables: [{table: t, min_rows: .inf}]}}", 2, "a number"),
        ("version: 1\npipelines: {a: {rules: [{max_increase: 1}]}}", 2, "rule: NAME"),
        ("version: 1\npipelines: {a: {rules: [{rule: r}]}}", 2, "max_failed_share or"),
        ("version: 1\npipelines: {a: {rules: [{rule: r, max_increase: 5}]}}", 2, "0.05"),
        ("version: 1\npipelines: {a: {tables: [{table: t}]}}", 2, "Add min_rows"),
        ("version: 1\npipelines: [a]", 2, "a map"),
        ("version: 1\n  x: [", 2, ""),
    ],
)
def test_faults_of_limits_have_a_line_and_a_hint(
    tmp_path: Path, text: str, line: int, hint: str
) -> None:
    file = tmp_path / "test.yml"
    file.write_text(text)
    with pytest.raises(UsageError, match="LIMITS_INVALID") as caught:
        read_limits(file)
    assert hint in caught.value.hint
    assert str(caught.value.where).endswith(f"test.yml:{line}" if line else "test.yml")


def test_limits_that_do_not_exist_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"LIMITS_NOT_FOUND.*prod\.yml"):
        read_limits(tmp_path / "prod.yml")


def test_pipeline_that_never_ran_is_a_breach() -> None:
    assert told(judge(Limits(), [], no_rows, NOW)) == [("update", "state", False)]


def test_update_is_judged_by_state_age_and_time() -> None:
    limits = Limits(max_age_hours=2, max_minutes=10)
    fine = judge(limits, [update()], no_rows, NOW)
    assert [each.holds for each in fine] == [True, True, True]
    old = judge(limits, [update(state="FAILED", hours_ago=3, minutes=11)], no_rows, NOW)
    assert [each.holds for each in old] == [False, False, False]
    killed = MeasuredUpdate("u", "RUNNING", NOW, None)
    verdicts = judge(limits, [killed], no_rows, NOW)
    assert [(each.measured, each.holds) for each in verdicts] == [
        ("RUNNING", False),
        (None, False),
        (None, False),
    ]


def test_rules_are_judged_by_their_own_limit_or_the_general_one() -> None:
    limits = Limits(
        rules=(RuleLimit("*", "", 0.1), RuleLimit("a", "s.t", 0.5), RuleLimit("c", "", 0.1))
    )
    last = update(
        rule("a", 5, 10), rule("a", 5, 10, "main.s.other"), rule("b", 1, 10), rule("none", 0, 0)
    )
    assert told(judge(limits, [last], no_rows, NOW))[1:] == [
        ("a of main.s.t", "max_failed_share", True),
        ("c", "max_failed_share", False),
        ("a of main.s.other", "max_failed_share", False),
        ("b of main.s.t", "max_failed_share", True),
    ]


def test_two_limits_of_a_rule_both_hold_or_not() -> None:
    twice = (RuleLimit("a", "", 0.5), RuleLimit("a", "s.t", 0.1))
    general = (RuleLimit("*", "", 0.5), RuleLimit("*", "s.t", max_increase=0.1))
    last, before = update(rule("a", 3, 10)), update(rule("a", 1, 10))
    for rules in (twice, general):
        verdicts = judge(Limits(rules=rules), [last, before], no_rows, NOW)
        assert [each.holds for each in verdicts][1:] == [True, False]


def test_general_limit_of_an_update_that_saw_no_rows_is_a_breach() -> None:
    limits = Limits(rules=(RuleLimit("*", "", 0.1), RuleLimit("*", "main.s.other", 0.1)))
    for last in (update(), update(rule("a", 0, 0))):
        assert told(judge(limits, [last], no_rows, NOW))[1:] == [
            ("*", "max_failed_share", False),
            ("* of main.s.other", "max_failed_share", False),
        ]


def test_change_is_measured_against_the_last_completed_update() -> None:
    limits = Limits(rules=(RuleLimit("a", max_increase=0.1),))
    last, failed = update(rule("a", 3, 10)), update(rule("a", 3, 10), state="FAILED")
    before = update(rule("a", 1, 10))
    assert told(judge(limits, [last, failed, before], no_rows, NOW))[1:] == [
        ("a of main.s.t", "max_increase", False)
    ]
    (_, alone) = judge(limits, [last, failed], no_rows, NOW)
    assert (alone.measured, alone.holds, alone.note) == (None, False, "there is no baseline")


def test_tables_are_judged_by_rows_and_their_change() -> None:
    limits = Limits(tables=(TableLimit("t", 10, 0.5), TableLimit("gone", 1)))
    before = update(hours_ago=5)

    def rows(table: str, at: datetime | None) -> int | None:
        if table == "gone":
            return None
        return 16 if at is None else 10 if at == before.ended else None

    assert told(judge(limits, [update(), before], rows, NOW))[1:] == [
        ("t", "min_rows", True),
        ("t", "max_change", False),
        ("gone", "min_rows", False),
    ]


def event(update_id: str, kind: str, at: int, **details: object) -> dict[str, object]:
    return {
        "event_type": kind,
        "message": "",
        "level": "INFO",
        "origin": {"update_id": update_id, "flow_name": "f", "dataset_name": "main.s.t"},
        "details": {kind: details},
        "error": None,
        "id": "e",
        "timestamp": NOW + timedelta(minutes=at),
    }


def test_updates_that_a_new_column_restarted_are_one() -> None:
    rows = [
        event("1", "create_update", 0, cause="USER_ACTION"),
        event("1", "update_progress", 1, state="COMPLETED"),
        event("2", "create_update", 2, cause="USER_ACTION"),
        event("2", "update_progress", 3, state="CANCELED"),
        event("3", "create_update", 4, cause="SCHEMA_CHANGE"),
        event("3", "update_progress", 5, state="COMPLETED"),
        event("4", "create_update", 6, cause="USER_ACTION"),
        event("4", "update_progress", 7, state="RUNNING"),
    ]
    found = measured_updates(rows)
    assert [(each.update_id, each.state, each.minutes) for each in found] == [
        ("4", "RUNNING", None),
        ("2", "COMPLETED", 3.0),
        ("1", "COMPLETED", 1.0),
    ]


def counted(update_id: str, at: int, passed: int, failed: int) -> dict[str, object]:
    told = {"name": "r", "dataset": "main.s.t", "passed_records": passed, "failed_records": failed}
    metrics = {"num_input_rows": passed + failed, "executor_time_ms": 1}
    quality = {"expectations": [told]}
    found = event(update_id, "flow_progress", at, metrics=metrics, data_quality=quality)
    found["details"]["flow_progress"]["status"] = "RUNNING"  # type: ignore[index]
    return {**found, "level": "METRICS"}


def update_of(
    update_id: str, at: int, state: str, counts: tuple[int, int] | None = None, **config: object
) -> list[dict[str, object]]:
    return [
        event(update_id, "create_update", at, cause="USER_ACTION", config=config),
        *([counted(update_id, at, *counts)] if counts else []),
        event(update_id, "update_progress", at + 1, state=state),
    ]


@pytest.mark.parametrize(
    ("config", "share"),
    [
        ({}, 0.5),
        ({"full_refresh": True}, None),
        ({"full_refresh_selection": ["S.T"]}, None),
        ({"full_refresh_selection": ["other"]}, 0.5),
    ],
)
def test_rows_of_updates_that_failed_are_judged_with_the_next_that_succeeds(
    config: dict[str, object], share: float | None
) -> None:
    first = update_of("1", 0, "COMPLETED", (0, 10))
    failed = [*update_of("2", 2, "FAILED", (0, 4)), *update_of("3", 4, "RUNNING", (4, 0))]
    found = measured_updates([*first, *failed, *update_of("4", 6, "COMPLETED", **config)])
    assert found[0].rules == ()
    assert [each.failed_share for each in found[0].rules_since] == ([share] if share else [])
    limits = Limits(rules=(RuleLimit("*", max_failed_share=0.4),))
    assert not judge(limits, found, no_rows, NOW)[1].holds


def test_continuous_update_that_was_stopped_has_succeeded() -> None:
    rows = update_of("1", 0, "CANCELED", (1, 0), continuous=True)
    rows += update_of("2", 2, "CANCELED", (1, 0))
    batch, stopped = measured_updates(rows)
    assert (stopped.succeeded, batch.succeeded) == (True, False)
    assert judge(Limits(), [stopped], no_rows, NOW)[0].holds


def test_share_at_its_limit_holds_and_one_a_little_above_does_not() -> None:
    limits = Limits(rules=(RuleLimit("a", max_increase=0.3), RuleLimit("b", max_failed_share=0)))
    last = update(rule("a", 4, 10), rule("b", 1, 3_000_000_000))
    verdicts = judge(limits, [last, update(rule("a", 1, 10))], no_rows, NOW)
    assert [each.holds for each in verdicts] == [True, True, False]


def test_updates_that_fail_for_days_are_read_at_once() -> None:
    rows = [row for n in range(600) for row in update_of(str(n), 2 * n, "FAILED", (1, 1))]
    began = time.process_time()
    found = measured_updates(rows)
    assert time.process_time() - began < 5
    assert found[0].rules_since[0].failed_records == 600


def test_private_table_is_the_one_of_its_own_pipeline(tmp_path: Path) -> None:
    bundle = (
        BUNDLE
        + "    other: {catalog: main, schema: silver, libraries: [{file: {path: flow.py}}]}\n"
    )
    target = shop(tmp_path, bundle)
    name = TableName("main", "silver", "tmp")
    for pipeline, ids in (("flow", [1]), ("other", [1, 2, 3])):
        path = make_table(target, str(name), {"id": ids}, pipeline=pipeline)
        private = target.pipeline_state(pipeline).private_table(name)
        private.parent.mkdir(parents=True, exist_ok=True)
        path.rename(private)
    assert [rows_of(target, each)("tmp", None) for each in ("flow", "other")] == [1, 3]
    make_table(target, "main.gold.tmp", {"id": [1, 2]}, pipeline="other")
    assert rows_of(target, "flow")("tmp", None) == 1
    assert rows_of(target, "flow")("gold.tmp", None) == 2
    assert [each.name for each in tables_on_disk(target, ["tmp"])] == ["main.gold.tmp"]


def test_private_tables_and_lost_files_are_seen(tmp_path: Path) -> None:
    target = shop(tmp_path)
    path = make_table(target, "main.silver.events", {"id": [1, 2]})
    rows = rows_of(target, "flow")
    assert rows("events", None) == 2
    private = target.pipeline_state("flow").private_table(TableName("main", "silver", "events"))
    private.parent.mkdir(parents=True, exist_ok=True)
    path.rename(private)
    assert rows("events", None) == 2
    next(private.glob("*.parquet")).unlink()
    assert rows("events", None) is None
    (table,) = tables_on_disk(target, ["events"])
    with pytest.raises(UsageError, match="TABLE_UNREADABLE"):
        facts_of(table)


def test_table_of_a_limit_is_the_one_of_its_own_pipeline(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "databricks.yml").write_text(
        dedent("""
        bundle: {name: b}
        resources:
          pipelines:
            a: {catalog: main, schema: first, libraries: [{file: {path: a.py}}]}
            b: {catalog: main, schema: second, libraries: [{file: {path: a.py}}]}
        """)
    )
    (tmp_path / "a.py").touch()
    target = open_target(tmp_path, settings=settings)
    for schema, rows in (("first", 9), ("second", 1)):
        path = target.store.table_path(TableName("main", schema, "t"))
        write_deltalake(path, pa.table({"id": list(range(rows))}))
    event_log = target.event_log("b")
    origin = {"update_id": "1"}
    with EventLog(event_log, origin) as log:
        log.emit(Event("create_update", "", {"cause": "USER_ACTION"}))
        log.emit(Event("update_progress", "", {"state": "COMPLETED"}))
    limits = tmp_path / "limits.yml"
    limits.write_text("version: 1\npipelines: {b: {tables: [{table: t, min_rows: 2}]}}")
    measures = measures_of(workspace=False, profile=None, warehouse=None)
    assert check_gate(target, None, limits, measures, as_json=True) == 1
    (_, verdict) = json.loads(capsys.readouterr().out)["pipelines"]["b"]
    assert verdict["measured"] == 1


def test_rule_without_new_rows_holds_where_that_is_allowed_and_it_has_been_measured() -> None:
    limits = Limits(
        allow_no_new_rows=True,
        rules=(RuleLimit("a", max_failed_share=0.1), RuleLimit("mispelt", max_failed_share=0.1)),
    )
    before = update(rule("a", 0, 10), hours_ago=2)
    quiet = ("a", "max_failed_share", True)
    for updates, wanted in (
        ([update(), before], quiet),
        ([update(), update(hours_ago=2), before], quiet),
        ([update()], ("a", "max_failed_share", False)),
        ([update(rule("a", 5, 10)), before], ("a of main.s.t", "max_failed_share", False)),
    ):
        assert told(judge(limits, updates, no_rows, NOW))[1:] == [
            wanted,
            ("mispelt", "max_failed_share", False),
        ]
    strict = Limits(rules=limits.rules[:1])
    assert told(judge(strict, [update(), before], no_rows, NOW))[1:] == [
        ("a", "max_failed_share", False)
    ]
