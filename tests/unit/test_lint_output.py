"""Where a person and a program see the warnings of an update."""

import pytest

from headwater.cli.render import result_json
from headwater.cli.updates import print_warnings
from headwater.engine.update import UpdateResult
from headwater.errors import Location
from headwater.finding import Finding
from headwater.graph.dag import Graph

WARNING = Finding("SERVERLESS_RDD", "No RDDs: .rdd", Location("a.py", 3), "Use DataFrames.")
GRAPH = Graph({}, {}, (), (), (WARNING.as_error(),))


def test_warnings_are_printed_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_warnings(GRAPH)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "warning: [SERVERLESS_RDD] No RDDs: .rdd (a.py:3) - Use DataFrames.\n"


def test_warnings_are_in_the_json_of_a_result() -> None:
    assert result_json(UpdateResult("COMPLETED", (), (), GRAPH))["warnings"] == [
        {
            "code": "SERVERLESS_RDD",
            "message": "No RDDs: .rdd",
            "file": "a.py",
            "line": 3,
            "hint": "Use DataFrames.",
        }
    ]


def test_warning_of_a_notebook_has_its_cell_in_the_json() -> None:
    finding = Finding("SERVERLESS_RDD", "m", Location("a.ipynb", 3, cell=2), "h")
    graph = Graph({}, {}, (), (), (finding.as_error(),))
    (warning,) = result_json(UpdateResult("COMPLETED", (), (), graph))["warnings"]
    assert (warning["file"], warning["cell"], warning["line"]) == ("a.ipynb", 2, 3)
