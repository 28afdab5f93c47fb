"""Further jars: who asks for them, and what a session knows of those that can't be had."""

from __future__ import annotations

import dataclasses
import textwrap
from pathlib import Path

import pytest

from headwater.bundle import load_bundle
from headwater.errors import DefinitionError
from headwater.machine.connectors import fetched
from headwater.sandbox.connectors import connectors_of
from headwater.sandbox.kafka import sql_options
from headwater.settings import read_settings

BUNDLE = """
bundle: {name: test}
targets: {dev: {default: true}}
resources:
  pipelines:
    flow: {catalog: main, schema: s, root_path: ., libraries: [{file: {path: a.py}}]}
"""


def asked(folder: Path, source: str, configuration: dict[str, str] | None = None) -> set[str]:
    (folder / "databricks.yml").write_text(textwrap.dedent(BUNDLE))
    (folder / "a.py").write_text(source)
    bundle = load_bundle(folder)
    spec = dataclasses.replace(bundle.pipeline(), configuration=configuration or {})
    return set(connectors_of(spec, folder))


def test_source_that_names_kafka_asks_for_it(tmp_path: Path) -> None:
    assert asked(tmp_path, 'rows = spark.readStream.format("Kafka")') == {"kafka"}


def test_source_without_the_word_asks_for_nothing(tmp_path: Path) -> None:
    assert asked(tmp_path, "rows = spark.range(3)") == set()


def test_module_of_the_bundle_asks_for_the_source_that_imports_it(tmp_path: Path) -> None:
    (tmp_path / "topics.py").write_text('FORMAT = "kafka"')
    assert asked(tmp_path, "import topics") == {"kafka"}


def test_configuration_asks(tmp_path: Path) -> None:
    assert asked(tmp_path, "", {"headwater.connectors": "kafka, avro"}) == {"kafka", "avro"}


def test_connector_that_can_not_be_fetched_leaves_its_reason(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()
    settings = read_settings(
        {
            "HEADWATER_CACHE": str(tmp_path / "cache"),
            "HEADWATER_MAVEN_REPOSITORY": (tmp_path / "repository").as_uri(),
        }
    )
    found = fetched(settings, ["kafka"])
    assert found.jars == ()
    ((key, reason),) = found.settings
    assert key == "spark.headwater.missing.kafka"
    assert reason.startswith("commons-pool2-2.13.1.jar could not be fetched")


def test_read_kafka_takes_the_servers_under_their_sql_name() -> None:
    named = {"bootstrapServers": "b:9092", "subscribe": "t", "includeHeaders": True}
    assert sql_options([], named) == {
        "kafka.bootstrap.servers": "b:9092",
        "subscribe": "t",
        "includeHeaders": "true",
    }


def test_read_kafka_refuses_arguments_by_position() -> None:
    with pytest.raises(DefinitionError) as caught:
        sql_options(["b:9092"], {})
    assert caught.value.code == "READ_KAFKA_INVALID"
