"""Kafka in a session that was started without its jars, and options that can't work."""

from __future__ import annotations

import pytest

from harness import Project
from headwater.errors import GraphError, HeadwaterError

READ = 'spark.readStream.format("{}").option("kafka.bootstrap.servers", "127.0.0.1:1")'

SOURCE = f"""\
from pyspark import pipelines as dp

@dp.table
def raw():
    return {READ}.option("subscribe", "t").load()
"""


def fault(project: Project, source: str) -> HeadwaterError:
    path = project.write(source)
    with pytest.raises(GraphError) as caught:
        project.run()
    (found,) = caught.value.faults
    assert str(found.where).endswith(f"{path.name}:5")
    return found


def test_kafka_without_its_jars_is_refused_by_name(project: Project) -> None:
    found = fault(project, SOURCE.format("kafka"))
    assert found.code == "CONNECTOR_MISSING"
    assert "Kafka" in found.message


def test_connector_of_event_hubs_is_refused_with_the_way_that_works(project: Project) -> None:
    found = fault(project, SOURCE.format("eventhubs"))
    assert found.code == "API_NOT_BUILT"
    assert "format('kafka')" in found.hint
