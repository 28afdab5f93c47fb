"""Sets of jars that only some pipelines need: fetched when one asks, last on the class path.

A set that can't be had does not stop a session, for the word that asked for it may stand in a
comment: what then reads through it is refused, with the reason. What does not live here: how a
pipeline asks (`sandbox.connectors`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from headwater.errors import SettingError
from headwater.machine.jars import Jar, fetch_jars
from headwater.settings import Settings

_REASON = "spark.headwater.missing."
"""Prefix of the settings of a session that tell why a connector is not there."""


@dataclass(frozen=True)
class Connector:
    """A set of jars, and a class that is there when they are.

    Attributes:
        word: what source that needs it has written somewhere, in any case.
        title: its name in messages.
    """

    word: str
    title: str
    provider: str
    jars: tuple[Jar, ...]


KAFKA = Connector(
    "kafka",
    "Kafka",
    "org.apache.spark.sql.kafka010.KafkaSourceProvider",
    (
        Jar(
            "org.apache.commons",
            "commons-pool2",
            "2.13.1",
            "f77a5060d6936a9144023584232f9de3f2248f1abfe156e9d31795f18770674f",
        ),
        Jar(
            "org.apache.kafka",
            "kafka-clients",
            "3.9.2",
            "014b4ef36884478a932641818b080c36a8f8e2e92dc771e800c9d2694f4f83d8",
        ),
        Jar(
            "org.apache.spark",
            "spark-sql-kafka-0-10_2.13",
            "4.2.0",
            "64539c45e5d39f7ddb747312c239f38f5208d08c1a0ddf7d70beb2fbd9373705",
        ),
        Jar(
            "org.apache.spark",
            "spark-token-provider-kafka-0-10_2.13",
            "4.2.0",
            "641c7947afc8aa1189e433b7c2d305293993c8691bc1c2062d6d4f513b12518c",
        ),
    ),
)

AVRO = Connector(
    "avro",
    "Avro",
    "org.apache.spark.sql.avro.AvroFileFormat",
    (
        Jar(
            "org.apache.spark",
            "spark-avro_2.13",
            "4.2.0",
            "4c186cedc03cbe4ee356a94b32232b347ef48611c3209400b3a77e4fe4abff4f",
        ),
    ),
)

CONNECTORS = (KAFKA, AVRO)
"""All of them; the versions are those that Spark 4.2.0 was released with."""


@dataclass(frozen=True)
class Fetched:
    """The jars of connectors, and the settings that tell a session which are missing, and why."""

    jars: tuple[Path, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()


def fetched(settings: Settings, words: Iterable[str]) -> Fetched:
    """Fetch the jars of connectors by their words; raises nothing for those that can't be had."""
    jars: list[Path] = []
    missing: list[tuple[str, str]] = []
    for each in CONNECTORS:
        if each.word not in words:
            continue
        try:
            jars += fetch_jars(each.jars, settings.cache / "jars", settings)
        except SettingError as error:
            missing.append((_REASON + each.word, error.message))
    return Fetched(tuple(jars), tuple(missing))


def is_loaded(spark: SparkSession, connector: Connector) -> bool:
    """Whether a session has a connector on its class path."""
    jvm: Any = spark._jvm
    try:
        jvm.java.lang.Class.forName(connector.provider)
    except Py4JError:
        return False
    return True


def reason(spark: SparkSession, connector: Connector) -> str:
    """Return why a session that asked for a connector has not got it; "" if it did not ask."""
    return spark.conf.get(_REASON + connector.word, "") or ""
