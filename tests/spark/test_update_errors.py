"""What a failed update says: the cause, the user's line, and never a value of a row."""

import json
from typing import Any

import pytest
from pyspark.sql import DataFrame

from harness import Project
from headwater.autoloader.request import CloudFiles
from headwater.engine.update import UpdateResult
from headwater.errors import GraphError, HeadwaterError
from headwater.names import TableName


def errors(result: UpdateResult) -> dict[str, HeadwaterError]:
    return {flow.flow: flow.error for flow in result.flows if flow.error is not None}


def test_cause_of_a_failed_flow_is_told_without_values(project: Project) -> None:
    (project.landing / "a.json").write_text('{"id": 1, "ssn": "123-45-6789"}\n')
    source = project.write("""
        import dlt
        from pyspark.sql import functions as F

        def rows(streams):
            reader = spark.readStream if streams else spark.read
            return reader.schema("id INT, ssn STRING").json("VOLUME")

        @F.udf("int")
        def boom(ssn):
            raise LookupError("nothing for " + ssn)  # here

        for streams in (True, False):
            kind = "stream" if streams else "batch"

            @dlt.table(name=f"cast_{kind}")
            @dlt.expect_or_fail("id", "id IS NOT NULL")
            def cast(streams=streams):
                return rows(streams).selectExpr("id", "CAST(ssn AS INT) AS n")

            @dlt.table(name=f"udf_{kind}")
            def udf(streams=streams):
                return rows(streams).select(boom("ssn").alias("n"))

            @dlt.table(name=f"number_{kind}")
            def number(streams=streams):
                return rows(streams).selectExpr("to_number(ssn, '999') AS n")

            @dlt.view(name=f"seen_{kind}")
            @dlt.expect("small", "CAST(ssn AS INT) < 5")
            def seen(streams=streams):
                return rows(streams)

            @dlt.table(name=f"judged_{kind}")
            def judged(kind=kind, streams=streams):
                return (dlt.read_stream if streams else dlt.read)(f"seen_{kind}")

            @dlt.table(name=f"rule_{kind}")
            @dlt.expect_or_fail("old", "id > 5")
            def rule(streams=streams):
                return rows(streams)
    """)
    result = project.run()
    found = errors(result)
    for kind in ("stream", "batch"):
        codes = {
            name: found[f"{name}_{kind}"].parameters.get("condition")
            for name in ("cast", "udf", "number", "judged")
        }
        assert codes == {
            "cast": "CAST_INVALID_INPUT",
            "udf": "LookupError",
            "number": "INVALID_FORMAT.MISMATCH_INPUT",
            "judged": "CAST_INVALID_INPUT",
        }
        named = {
            name for name in codes if "in the expectation 'small'" in str(found[f"{name}_{kind}"])
        }
        assert named == {"judged"}
        assert found[f"rule_{kind}"].code == "EXPECTATION_VIOLATION"
        assert found[f"rule_{kind}"].parameters["expectations"] == ["old"]
        line = (
            source.read_text()
            .splitlines()
            .index('    raise LookupError("nothing for " + ssn)  # here')
        )
        assert str(found[f"udf_{kind}"].where).endswith(f"main.py:{line + 1}")
    told = json.dumps(project.events(), default=str) + "".join(map(str, found.values()))
    assert "123-45" not in told
    assert "Py4J" not in told


def test_query_that_meets_rows_while_it_is_built_tells_none_of_them(project: Project) -> None:
    (project.landing / "a.json").write_text('{"id": 1, "ssn": "123-45-6789"}\n')
    project.write("""
        import dlt

        @dlt.table
        def pivoted():
            rows = spark.read.schema("id INT, ssn STRING").json("VOLUME")
            return rows.selectExpr("id", "INT(ssn) AS n").groupBy("id").pivot("n").count()
    """)
    with pytest.raises(GraphError) as caught:
        project.run()
    assert caught.value.code == "QUERY_INVALID"
    assert "CAST_INVALID_INPUT" in caught.value.message
    assert "123-45" not in str(caught.value) + json.dumps(project.events(), default=str)


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("return spark.range(1).selectExpr('id', 'id AS ID')", "COLUMN_DUPLICATE", 4),
        ("return dlt.read_stream('events').orderBy('id')", "STREAM_UNSUPPORTED", 4),
        ("return spark.range(1).select('nope')", "QUERY_INVALID", 6),
        ("return spark.range(1).selectExpr('id AS kept')", "EXPECTATION_INVALID", 4),
    ],
)
def test_what_the_update_would_refuse_is_refused_by_validation(
    project: Project, body: str, code: str, line: int
) -> None:
    project.create("events", "SELECT 1 AS id")
    source = f"import dlt\n\n\n@dlt.table\ndef out():\n    {body}\n"
    if code == "EXPECTATION_INVALID":
        source = source.replace("@dlt.table\n", "@dlt.table\n@dlt.expect('old name', 'id > 0')\n")
    project.write(source)
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    (fault,) = caught.value.faults
    assert fault.code == code
    assert str(fault.where).endswith(f"main.py:{line}")


def test_fault_of_a_change_flow_is_placed_at_its_call(project: Project) -> None:
    project.write("""
        import dlt

        @dlt.table
        def people():
            return spark.range(1)

        dlt.create_streaming_table("current")
        dlt.create_auto_cdc_flow(target="current", source="people", keys=["id"], sequence_by="id")
    """)
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    assert caught.value.code == "STREAM_FROM_CHANGING_TABLE"
    assert str(caught.value.where).endswith("main.py:9")


def test_faults_of_a_notebook_are_told_with_cell_and_line(project: Project) -> None:
    cells = [
        "import dlt\nfrom pyspark.sql import functions as F\n",
        "@F.udf('int')\ndef boom(n):\n    raise LookupError(n)\n",
        "@dlt.table\ndef out():\n    return spark.range(1).select(boom('id').alias('n'))\n",
    ]
    wrong = [
        "\n@dlt.table\ndef unknown():\n    return spark.read.table('nowhere')\n",
        "@dlt.table\ndef invalid():\n    return spark.range(1).select('gone')\n",
    ]

    def write(*texts: str) -> None:
        code = [{"cell_type": "code", "source": each} for each in texts]
        project.write(json.dumps({"cells": code, "nbformat": 4}), "etl.ipynb")

    write(*cells, *wrong)
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    places = [(each.code, str(each.where).rpartition("/")[2]) for each in caught.value.faults]
    assert places == [
        ("TABLE_NOT_FOUND", "etl.ipynb, cell 4, line 4"),
        ("QUERY_INVALID", "etl.ipynb, cell 5, line 3"),
    ]
    write(*cells)
    error = errors(project.run())["out"]
    assert str(error.where).endswith("etl.ipynb, cell 2, line 3")


class NoDatasets:
    """A pipeline without datasets, for a query that is evaluated by itself."""

    def owns(self, name: TableName) -> bool:
        del name
        return False

    def read(self, name: TableName, *, streaming: bool, reader: Any) -> DataFrame:
        raise NotImplementedError

    def cloud_files(self, request: CloudFiles, number: int) -> DataFrame:
        raise NotImplementedError

    def dataset_names(self) -> list[str]:
        return []


def chain(length: int, end: str) -> str:
    """Views that read each other one after the other, from the first to the last."""
    views = "".join(
        f"@dlt.view(name='v{n}')\ndef v{n}():\n    return dlt.read('v{n + 1}')\n\n"
        for n in range(length)
    )
    return f"import dlt\n\n{views}@dlt.view(name='v{length}')\ndef last():\n    return {end}\n"


def test_long_chain_of_reads_is_resolved_backwards(project: Project) -> None:
    project.write(chain(100, "spark.range(1)"))
    assert len(project.run(validate_only=True).graph.views) == 101


def test_long_circle_of_reads_is_found(project: Project) -> None:
    project.write(chain(40, "dlt.read('v0')"))
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    assert caught.value.code == "GRAPH_CYCLE"


def test_fault_that_several_datasets_share_is_told_once(project: Project) -> None:
    project.write("""
        import dlt

        def rows():
            return spark.read.table("nowhere")

        for name in ("a", "b"):
            dlt.table(rows, name=name)
    """)
    with pytest.raises(GraphError) as caught:
        project.run(validate_only=True)
    assert (caught.value.code, len(caught.value.faults)) == ("TABLE_NOT_FOUND", 1)


def test_value_that_can_not_be_cast_is_told_at_the_line_of_the_query(project: Project) -> None:
    project.create("texts", "SELECT * FROM VALUES ('a'), ('b') t(id)")
    project.write(
        """\
        CREATE STREAMING TABLE streamed AS
          SELECT id,
            to_date(
              id) AS day FROM STREAM texts;
        CREATE TEMPORARY VIEW cast_above AS
          SELECT CAST(id AS INT) AS n FROM texts;
        CREATE MATERIALIZED VIEW over_view AS
          SELECT n FROM cast_above
        """,
        "main.sql",
    )
    project.write("""
        import dlt
        from pyspark.sql import functions as F

        @dlt.table
        def in_python():
            return spark.read.table("texts").select(F.to_timestamp("id", "yyyy").alias("t"))
    """)
    found = errors(project.run())
    assert {name: str(each.where).rpartition("/")[2] for name, each in found.items()} == {
        "streamed": "main.sql:3",
        "over_view": "main.sql:7",
        "in_python": "main.py:5",
    }
    assert all("try_to_timestamp" in each.hint for each in found.values())
