"""The one Spark session of a test process, and the settings tests run with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from pyspark.sql import SparkSession

from faulty_server import FaultyServer, faulty_server
from harness import Project
from headwater.dev.minilake import Minilake, minilake
from headwater.machine.session import FOR_LITTLE, spark_session
from headwater.settings import Settings, read_settings

pytest_plugins = ("headwater.testing.plugin",)

hypothesis.settings.register_profile(
    "house",
    deadline=None,  # machines are slow at times; that is no fault of the code
    derandomize=True,  # the same examples each time: a red run is never a matter of luck
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("house")

TINY = FOR_LITTLE | {
    "spark.sql.shuffle.partitions": "1",
    # rows of a test go through a job, as those of a table do, and not through the optimizer
    "spark.sql.optimizer.excludedRules": "org.apache.spark.sql.catalyst.optimizer"
    ".ConvertToLocalRelation",
}


SYSTEMS = ("claims", "iot", "job_meta", "patient")
"""What the names of tests begin with that are about a system, and not about the runtime."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of systems that take Spark, by their files' names."""
    for item in items:
        if item.path.parent.name != "unit" and item.path.name[len("test_") :].startswith(SYSTEMS):
            item.add_marker(pytest.mark.systems)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=1, help="how often a running update is killed")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--kills"))


@pytest.fixture(scope="session")
def settings() -> Settings:
    return read_settings()


@pytest.fixture(scope="session")
def spark(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session on two threads; its JVM works for minutes, so it has the full compiler."""
    state: Path = tmp_path_factory.mktemp("state")
    with spark_session(
        settings,
        state=state,
        catalogs=("main",),
        master="local[2]",
        configuration=TINY,
    ) as session:
        yield session


@pytest.fixture
def project(spark: SparkSession, tmp_path: Path) -> Project:
    """An empty pipeline in a bundle of its own."""
    return Project(spark, tmp_path)


@pytest.fixture(scope="session")
def workspace_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minilake]:
    """The emulated workspace of a test process."""
    with minilake(tmp_path_factory.mktemp("minilake")) as running:
        yield running


@pytest.fixture
def proxy(workspace_server: Minilake) -> Iterator[FaultyServer]:
    """A proxy before the emulated workspace, which is empty."""
    workspace_server.reset()
    with faulty_server(workspace_server.host) as running:
        yield running


@pytest.fixture
def control_table(spark: SparkSession, tmp_path: Path) -> Iterator[str]:
    """The name of a control table that does not exist yet, and is dropped with what it brought."""
    spark.sql("CREATE SCHEMA IF NOT EXISTS main.ops")
    name = f"main.ops.t_{tmp_path.name}"
    yield name
    for suffix in ("", "_jobs", "_lease"):
        spark.sql(f"DROP TABLE IF EXISTS {name}{suffix}")
