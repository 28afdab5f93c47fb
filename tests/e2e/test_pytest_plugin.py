"""The plugin as pytest loads it: with its own session, and named more than once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFTEST = 'pytest_plugins = ("headwater.testing.plugin",)\n'
TEST = """
def test_names_are_taken(pipeline):
    pipeline.sql("CREATE MATERIALIZED VIEW a AS SELECT n + 1 AS n FROM numbers")
    pipeline.source("numbers").send([{"n": 1}])
    pipeline.run()
    pipeline.table("a").assert_rows([{"n": 2}])

def test_names_are_free_again(pipeline, spark):
    pipeline.sql("CREATE MATERIALIZED VIEW a AS SELECT n FROM numbers")
    pipeline.source("numbers").send(spark.sql("SELECT 'x' AS n"))
    pipeline.run()
    pipeline.table("a").assert_frame(spark.sql("SELECT 'x' AS n"))
    pipeline.table("a").assert_rows([{"n": "x"}])
"""


def test_plugin_opens_one_session_for_all_tests(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_numbers.py").write_text(TEST)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-W",
        "error",
        "-p",
        "headwater.testing.plugin",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert "2 passed" in done.stdout, done.stdout
