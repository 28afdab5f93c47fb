"""Flows that replace some rows of their table: REPLACE WHERE and REPLACE USING."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from harness import Project, frame_of
from headwater.analysis.predicates import unqualified
from headwater.errors import GraphError, UsageError
from headwater.sandbox.clock import Clock, pinned

DAYS = """
    from pyspark import pipelines as dp
    from pyspark.sql import functions as F

    @dp.table(replace_where=F.col("day") >= F.date_sub(F.current_date(), 7))
    def recent():
        return (
            spark.read.schema("day DATE, n INT").json("VOLUME")
            .groupBy("day").agg(F.sum("n").alias("total"))
        )
"""

USING = """
    from pyspark import pipelines as dp

    @dp.table(replace_using=["region"], sequence_by="seq")
    @dp.expect_or_drop("known", "device IS NOT NULL")
    def latest():
        return spark.readStream.schema("region INT, device STRING, seq INT").json("VOLUME")
"""


def land(project: Project, name: str, rows: Iterable[dict[str, object]]) -> Path:
    file = project.landing / f"{name}.json"
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return file


def totals(project: Project) -> list[tuple[str, int]]:
    rows = project.sql("SELECT CAST(day AS STRING) AS day, total FROM SCHEMA.recent ORDER BY day")
    return [(each["day"], each["total"]) for each in rows]


def days(*ago: int) -> list[str]:
    """Return days before the tenth of October."""
    return [f"2026-10-{10 - each:02}" for each in ago]


@pytest.fixture
def clock(spark: SparkSession) -> Iterable[Clock]:
    found = Clock(spark)
    found.set("2026-10-10T12:00:00")
    yield found
    found.release()


def run(project: Project, clock: Clock, **request: Any) -> None:
    with clock.applied():
        result = project.run(**request)
    assert result.state == "COMPLETED", result.error


def test_rows_of_the_window_are_replaced_and_the_others_stay(
    project: Project, clock: Clock
) -> None:
    project.write(DAYS)
    old, edge, new = days(8, 7, 0)
    land(project, "1", [{"day": each, "n": 1} for each in (old, edge, new)])
    run(project, clock)
    assert totals(project) == [(edge, 1), (new, 1)]  # never any row outside of the window
    land(project, "2", [{"day": new, "n": 4}])
    run(project, clock)
    assert totals(project) == [(edge, 1), (new, 5)]
    clock.set("2026-10-11T00:00:01")
    (project.landing / "1.json").unlink()  # the source forgets, the table does not
    run(project, clock)
    assert totals(project) == [(edge, 1), (new, 4)]
    run(project, clock, full_refresh=("recent",))
    assert totals(project) == [(new, 4)]
    kinds = [
        each["details"]["flow_definition"]["flow_type"]
        for each in project.events()
        if each["event_type"] == "flow_definition"
    ]
    assert set(kinds) == {"REPLACE_WHERE"}


def test_rows_that_others_wrote_outside_of_the_window_stay(project: Project, clock: Clock) -> None:
    project.write(DAYS)
    old, new = days(9, 0)
    land(project, "1", [{"day": new, "n": 1}])
    run(project, clock)
    project.sql(f"INSERT INTO SCHEMA.recent VALUES (DATE '{old}', 7), (DATE '{new}', 8)")
    run(project, clock)
    assert totals(project) == [(old, 7), (new, 1)]


def test_window_is_another_for_one_update(project: Project, clock: Clock) -> None:
    project.write(DAYS)
    far, old, new = days(9, 8, 0)
    land(project, "1", [{"day": each, "n": 1} for each in (far, old, new)])
    asked = {"replace_where": (("recent", f"day < '{old}'"),)}
    run(project, clock, **asked)
    assert totals(project) == [(far, 1)]
    run(project, clock)
    assert totals(project) == [(far, 1), (new, 1)]
    with pytest.raises(UsageError) as caught:
        run(project, clock, replace_where=(("recnt", "true"),))
    assert (caught.value.code, "recent" in caught.value.hint) == ("FLOW_UNKNOWN", True)
    with pytest.raises(GraphError) as wrong:
        run(project, clock, replace_where=(("recent", "nothing > 1"),))
    assert [each.code for each in wrong.value.faults] == ["REPLACE_WHERE_INVALID"]
    assert totals(project) == [(far, 1), (new, 1)]


def test_sql_replaces_by_a_column_of_a_joined_table(project: Project, clock: Clock) -> None:
    project.write(
        """
    CREATE TEMPORARY VIEW facts AS SELECT DATE '2026-10-10' AS day, 1 AS id;
    CREATE TEMPORARY VIEW names AS SELECT 1 AS id, ${name} AS name, DATE '2020-01-01' AS day;
    CREATE STREAMING TABLE inline
    FLOW REPLACE WHERE f.day >= date_add(current_date(), -1) BY NAME
    SELECT f.day, n.name FROM facts f JOIN names n ON f.id = n.id;
    CREATE STREAMING TABLE long;
    CREATE FLOW into_long AS INSERT INTO long BY NAME
    REPLACE WHERE day IS NOT DISTINCT FROM current_date WITH a AS (SELECT * FROM inline) TABLE a;
""",
        "main.sql",
    )
    for name in ("'old'", "'new'"):
        project.configure({"name": name})
        run(project, clock)
        assert project.values("SELECT name FROM SCHEMA.inline") == [name.strip("'")]
        assert project.values("SELECT name FROM SCHEMA.long") == [name.strip("'")]
    clock.set("2026-10-20")
    project.configure({"name": "'later'"})
    run(project, clock)
    assert project.values("SELECT name FROM SCHEMA.inline") == ["new"]  # names changed since


@pytest.mark.parametrize(
    ("predicate", "told"),
    [
        ("nothing > 1", "nothing"),
        ("day", "BOOLEAN"),
        ("rand() > 0.5", "may change"),
        ("day IN (SELECT current_date())", "subquery"),
        ("day >", "syntax"),
    ],
)
def test_predicate_that_no_table_can_be_asked_is_refused(
    project: Project, predicate: str, told: str
) -> None:
    project.write(DAYS.replace('F.col("day") >= F.date_sub(F.current_date(), 7)', repr(predicate)))
    with pytest.raises(GraphError) as caught:
        project.run()
    (fault,) = caught.value.faults
    assert fault.code == "REPLACE_WHERE_INVALID"
    assert told.lower() in fault.message.lower()


def test_moment_is_written_into_a_text_once(spark: SparkSession) -> None:
    text = "a.current_date > current_date AND now() - INTERVAL 1 DAY < CURRENT_TIMESTAMP()"
    found = pinned(spark, text)
    moments = found.split("TIMESTAMP '")[1:]
    assert found.startswith("a.current_date > DATE '20")
    assert len({each.split("'")[0] for each in moments}) == 1
    assert len(moments) == 2
    assert pinned(spark, "f('now()')") == "f('now()')"
    shown = spark.sql(f"SELECT {found.replace('a.current_date', 'NULL')} AS x").first()
    assert shown is not None
    assert shown.x is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("`o`.`a day` > 1 AND o.n < 2", "`a day` > 1 AND n < 2"),
        ("main.s.t.n = 'o.n'", "n = 'o.n'"),
        ("info.n = o.info.n", "info.n = info.n"),
        ("a.b.f(o.n) = 1.5", "a.b.f(n) = 1.5"),
    ],
)
def test_qualifiers_of_columns_are_taken_away(written: str, expected: str) -> None:
    assert unqualified(written, ["n", "a day", "info"]) == expected


def test_example_of_the_documentation(project: Project) -> None:
    project.write(USING)
    land(
        project,
        "1",
        [
            {"region": 1, "device": "iOS", "seq": 1},
            {"region": 1, "device": "Android", "seq": 1},
            {"region": 2, "device": "iOS", "seq": 1},
            {"region": 2, "device": "desktop", "seq": 1},
        ],
    )
    assert project.run().state == "COMPLETED"
    land(
        project,
        "2",
        [
            {"region": 1, "device": "iOS", "seq": 2},
            {"region": 1, "device": "Android", "seq": 2},
            {"region": 1, "device": "desktop", "seq": 2},
            {"region": 3, "device": "iOS", "seq": 1},
            {"region": 3, "device": "desktop", "seq": 2},
        ],
    )
    result = project.run()
    assert [(flow.status, flow.rows_written, flow.rows_deleted) for flow in result.flows] == [
        ("COMPLETED", 4, 2)
    ]
    assert latest(project) == [
        (1, "Android", 2),
        (1, "desktop", 2),
        (1, "iOS", 2),
        (2, "desktop", 1),
        (2, "iOS", 1),
        (3, "desktop", 2),
    ]


def latest(project: Project) -> list[tuple[object, ...]]:
    rows = project.sql("SELECT * FROM SCHEMA.latest ORDER BY region, device, seq")
    return [tuple(each.values()) for each in rows]


def expected(rows: Iterable[dict[str, object]]) -> list[tuple[object, ...]]:
    """Work out the answer from all rows at once: those of the highest sequence of their key."""
    known = [each for each in rows if each["device"] is not None]
    highest: dict[object, int] = {}
    for each in known:
        highest[each["region"]] = max(int(str(each["seq"])), highest.get(each["region"], 0))
    kept = [each for each in known if highest[each["region"]] == each["seq"]]
    return sorted(
        (tuple(each.values()) for each in kept),
        key=lambda row: tuple((value is not None, value) for value in row),
    )


def test_any_order_of_arrival_gives_the_same(project: Project) -> None:
    """NULL is a key, a row that is dropped replaces nothing, equal sequences stay side by side."""
    project.write(USING)
    chosen = random.Random(4)  # noqa: S311 - the same rows each time
    rows: list[dict[str, object]] = [
        {"region": region, "device": device, "seq": seq}
        for region, device, seq in itertools.product((1, 2, None), ("a", "b", None), (1, 2, 3, 4))
        if chosen.random() < 0.7
    ]
    chosen.shuffle(rows)
    for number in range(5):
        land(project, str(number), rows[number::5])
        assert project.run().state == "COMPLETED"
        landed = itertools.chain.from_iterable(rows[each::5] for each in range(number + 1))
        assert latest(project) == expected(landed)


def test_batch_that_was_committed_is_not_applied_again(project: Project) -> None:
    """Killed between the commit to the table and the one to the checkpoint: equal rows would come
    twice."""
    project.write(USING)
    land(project, "1", [{"region": 1, "device": "a", "seq": 1}])
    assert project.run().state == "COMPLETED"
    land(project, "2", [{"region": 1, "device": "b", "seq": 1}])
    assert project.run().state == "COMPLETED"
    (checkpoint,) = project.store.root.rglob("commits/1")
    checkpoint.unlink()
    for file in project.store.root.rglob("*.json"):
        if "standing" in str(file):
            file.unlink()
    assert project.run().state == "COMPLETED"
    assert latest(project) == [(1, "a", 1), (1, "b", 1)]
    assert project.run(full_refresh=("latest",)).state == "COMPLETED"
    assert latest(project) == [(1, "a", 1), (1, "b", 1)]


def test_row_without_a_sequence_fails_the_flow(project: Project) -> None:
    project.write(USING)
    land(project, "1", [{"region": 1, "device": "a"}, {"region": 2, "device": "b", "seq": 1}])
    result = project.run()
    assert result.error is not None
    assert result.error.code == "REPLACE_NULL_SEQUENCE"
    assert latest(project) == []


def test_flow_of_its_own_replaces_by_an_expression(project: Project, spark: SparkSession) -> None:
    frame_of(spark, [(1, "x", "10"), (1, "y", "9")], "id INT, v STRING, at STRING").write.format(
        "delta"
    ).save(str(project.landing / "source"))
    project.write(
        """
    from pyspark import pipelines as dp
    from pyspark.sql.functions import expr

    dp.create_streaming_table("kept", schema="id BIGINT, v STRING, at STRING, up STRING "
                              "GENERATED ALWAYS AS (upper(v))")

    @dp.replace_flow(target="kept", replace_using=["id"], sequence_by=expr("CAST(at AS INT)"))
    def filling():
        return spark.readStream.load("VOLUME/source")

    @dp.table
    def read_on():
        return spark.readStream.option("skipChangeCommits", "true").table("kept")
"""
    )
    assert project.run().state == "COMPLETED"
    assert project.values("SELECT up FROM SCHEMA.kept") == ["X"]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (USING.replace('"region"]', '"regoin"]'), "REPLACE_KEY_INVALID"),
        (USING.replace('"region"]', '"region", "REGION"]'), "REPLACE_KEY_INVALID"),
        (USING.replace('["region"]', "[]"), "REPLACE_KEY_INVALID"),
        (USING.replace('"seq")', '"sq")'), "REPLACE_SEQUENCE_INVALID"),
        (USING.replace("readStream", "read"), "FLOW_KIND_WRONG"),
        (USING.replace(', sequence_by="seq"', ""), "REPLACE_ARGUMENTS_CONFLICT"),
        (
            USING.replace("(replace_using", '(replace_where="true", replace_using'),
            "REPLACE_ARGUMENTS_CONFLICT",
        ),
        (DAYS.replace("spark.read.", "spark.readStream."), "FLOW_KIND_WRONG"),
        (
            DAYS + '\n    dp.create_auto_cdc_flow("recent", "recent", ["day"], "day", name="b")',
            "REPLACE_TARGET_SHARED",
        ),
        (
            DAYS.replace("    def recent", '    @dp.expect("a", "total > 0")\n    def recent'),
            "REPLACE_WITH_EXPECTATIONS",
        ),
        (
            DAYS
            + '\n    @dp.table\n    def on():\n        return spark.readStream.table("recent")',
            "STREAM_FROM_CHANGING_TABLE",
        ),
    ],
)
def test_what_can_not_replace_is_refused(project: Project, source: str, code: str) -> None:
    project.write(source)
    with pytest.raises(GraphError) as caught:
        project.run()
    assert code in [each.code for each in caught.value.faults]
