"""Streams with state: aggregates without a watermark, written in whole, and stateful processors."""

from __future__ import annotations

import pytest

from harness import Project
from headwater.errors import GraphError

SOURCE = """
    import dlt
    from pyspark.sql import functions as F

    @dlt.table
    def events():
        return spark.readStream.schema("device STRING, v INT").json("VOLUME")

    @dlt.view
    def summed():
        return dlt.read_stream("events").groupBy("device").agg(F.sum("v").alias("total"))

    @dlt.table
    @dlt.expect_or_drop("many", "total > 2")
    def by_device():
        return dlt.read_stream("summed")

    @dlt.table
    def devices():
        return dlt.read_stream("events").select("device").distinct()

    @dlt.table
    def latest():
        return dlt.read("by_device").agg(F.max("total").alias("most"))
"""


def test_aggregate_goes_on_with_what_it_saw_and_replaces_its_table(project: Project) -> None:
    project.write(SOURCE)
    found = []
    for number, rows in enumerate(([("a", 1), ("b", 5)], [("a", 4)], [])):
        lines = [f'{{"device":"{device}","v":{v}}}' for device, v in rows]
        if lines:
            (project.landing / f"{number}.json").write_text("\n".join(lines))
        assert project.run().state == "COMPLETED"
        found.append(project.sql("SELECT * FROM SCHEMA.by_device ORDER BY device"))
        assert project.values("SELECT device FROM SCHEMA.devices") == ["a", "b"]
    b = {"device": "b", "total": 5}
    assert found == [[b], [{"device": "a", "total": 5}, b], [{"device": "a", "total": 5}, b]]
    assert project.values("SELECT most FROM SCHEMA.latest") == [5]
    kinds = {
        each["origin"]["flow_name"]: each["details"]["flow_definition"]["flow_type"]
        for each in project.events()
        if each["event_type"] == "flow_definition"
    }
    assert kinds == {
        "events": "APPEND",
        "by_device": "COMPLETE",
        "summed": "VIEW",
        "devices": "APPEND",
        "latest": "MATERIALIZED_VIEW",
    }
    assert project.run(full_refresh=("*",)).state == "COMPLETED"
    assert project.sql("SELECT * FROM SCHEMA.by_device ORDER BY device") == found[-1]


def test_aggregate_is_neither_a_stream_nor_one_of_several_flows(project: Project) -> None:
    project.write(
        SOURCE
        + """
    @dlt.table
    def on():
        return dlt.read_stream("by_device")

    dlt.create_streaming_table("both")

    @dlt.append_flow(target="both")
    def one():
        return dlt.read_stream("summed")

    @dlt.append_flow(target="both")
    def other():
        return dlt.read_stream("events").groupBy().count()
    """
    )
    with pytest.raises(GraphError) as caught:
        project.resolved()
    assert [(each.code, each.parameters["dataset"]) for each in caught.value.faults] == [
        ("STREAM_FROM_CHANGING_TABLE", f"main.{project.schema}.by_device"),
        ("STREAM_UNSUPPORTED", f"main.{project.schema}.both"),
    ]


PROCESSOR = """
    import dlt
    import pandas as pd
    from pyspark.sql import Row
    from pyspark.sql.streaming import StatefulProcessor

    class Count(StatefulProcessor):
        def init(self, handle):
            self.count = handle.getValueState("count", "n BIGINT")

        def add(self, more):
            self.count.update((more + (self.count.get()[0] if self.count.exists() else 0),))
            return self.count.get()[0]

        def handleInputRows(self, key, rows, timers):
            yield Row(device=key[0], n=self.add(sum(1 for _ in rows)))

        def close(self):
            pass

    class CountFrames(Count):
        def handleInputRows(self, key, rows, timers):
            yield pd.DataFrame({"device": [key[0]], "n": [self.add(sum(map(len, rows)))]})

    def events(reader=None):
        rows = (reader or spark.readStream).schema("device STRING, v INT").json("VOLUME")
        return rows.groupBy("device")

    @dlt.view
    def counted():
        return events().transformWithState(Count(), "device STRING, n BIGINT", "Append", "None")

    @dlt.table
    def by_device():
        return dlt.read_stream("counted")

    @dlt.table
    def by_device_in_pandas():
        return events().transformWithStateInPandas(
            CountFrames(), "device STRING, n BIGINT", "Append", "None"
        )

    @dlt.table
    def whole():
        rows = events(spark.read)
        return rows.transformWithState(Count(), "device STRING, n BIGINT", "Append", "None")
"""


def test_stateful_processors_go_on_with_what_they_kept(project: Project) -> None:
    project.write(PROCESSOR)
    for number, devices in enumerate(("aab", "a", "")):
        if devices:
            text = "\n".join(f'{{"device":"{each}","v":1}}' for each in devices)
            (project.landing / f"{number}.json").write_text(text)
        assert project.run().state == "COMPLETED"
    wanted = [["a", 2], ["a", 3], ["b", 1]]
    for table in ("by_device", "by_device_in_pandas"):
        rows = project.sql(f"SELECT device, n FROM SCHEMA.{table} ORDER BY ALL")
        assert [[*row.values()] for row in rows] == wanted
    assert project.sql("SELECT device, n FROM SCHEMA.whole ORDER BY ALL") == [
        {"device": "a", "n": 3},
        {"device": "b", "n": 1},
    ]
