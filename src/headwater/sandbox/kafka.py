"""Kafka as pipelines name it: what a reader or a sink needs before Spark's own source takes it.

Event Hubs is Kafka here: its endpoint `<namespace>.servicebus.windows.net:9093` with SASL options.
What does not live here: whether a broker answers (`engine.brokers`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql.streaming.readwriter import DataStreamReader

from headwater.graph.arguments import fault, not_built
from headwater.graph.brokers import BrokerUse, addresses
from headwater.graph.locations import current_location
from headwater.machine.connectors import KAFKA
from headwater.sandbox.connectors import require
from headwater.sandbox.interception import ReaderRecord

FORMAT = "kafka"
FUNCTION = "read_kafka"
"""The source in Python, and in SQL."""

_SERVERS = "kafka.bootstrap.servers"
_TOPICS = ("subscribe", "subscribePattern", "assign")
_JAAS = "kafka.sasl.jaas.config"
_OWN_OF_SOURCE = (
    "kafka.auto.offset.reset",
    "kafka.enable.auto.commit",
    "kafka.interceptor.classes",
    "kafka.key.deserializer",
    "kafka.value.deserializer",
)
_OWN_OF_SINK = ("kafka.key.serializer", "kafka.value.serializer")
_SHADED = "kafkashaded."
"""Prefix of the classes of Kafka's client in a workspace; here they have their own names."""

_SECONDS = {
    "kafka.request.timeout.ms": "10000",
    "kafka.default.api.timeout.ms": "15000",
    "kafka.max.block.ms": "15000",
}
"""How long the client waits for a broker that is silent, where the source sets no limit."""

_FILES = ("truststore.location", "keystore.location")
_WORKSPACE = "databricks."

ELSEWHERE = {
    "eventhubs": "Use format('kafka') with <namespace>.servicebus.windows.net:9093, "
    "the hub's Kafka endpoint.",
    "kinesis": "Land the stream as files and read them with Auto Loader.",
    "pubsub": "Land the stream as files and read them with Auto Loader.",
    "pulsar": "Use Kafka, or land the stream as files and read them with Auto Loader.",
    "socket": "A socket can't be read again after a failure; use Kafka or Auto Loader.",
}
"""Formats of streams that are refused by name, and what to do instead."""


def prepare(
    spark: SparkSession, reader: Any, recorded: ReaderRecord, local_path: Callable[[str], str]
) -> list[BrokerUse]:
    """Check and complete a reader that is about to load; return the broker that it reads.

    A reader of anything but Kafka is left alone.

    Raises:
        DefinitionError: what `prepared` raises; API_NOT_BUILT for a source of `ELSEWHERE`.
    """
    kind = recorded.format.lower()
    if kind in ELSEWHERE and isinstance(reader, DataStreamReader):
        raise not_built(f"format('{recorded.format}')", ELSEWHERE[kind])
    if kind != FORMAT:
        return []
    is_stream = isinstance(reader, DataStreamReader)
    given = recorded.options or {}
    use, options = prepared(spark, given, local_path, is_source=True, is_stream=is_stream)
    reader.options(**options)
    return [use]


def prepared(
    spark: SparkSession,
    given: Mapping[str, str],
    local_path: Callable[[str], str],
    *,
    is_source: bool,
    is_stream: bool = True,
) -> tuple[BrokerUse, dict[str, str]]:
    """Check a session and the options of a reader or a sink; return its use and what to set.

    Raises:
        DefinitionError: CONNECTOR_MISSING; what `checked` raises.
    """
    require(spark, KAFKA)
    return checked(given, local_path, is_source=is_source, is_stream=is_stream)


def checked(
    given: Mapping[str, str],
    local_path: Callable[[str], str],
    *,
    is_source: bool,
    is_stream: bool = True,
) -> tuple[BrokerUse, dict[str, str]]:
    """Check the options of a reader or a sink; return its use and the options to set.

    Args:
        given: the options as written.
        local_path: resolves a path as the target sees it.

    Raises:
        DefinitionError: KAFKA_OPTION_MISSING, KAFKA_OPTION_INVALID, KAFKA_SERVERS_INVALID,
            API_NOT_BUILT for an option of a workspace.
    """
    lower = {key.lower(): value for key, value in given.items()}
    servers = lower.get(_SERVERS, "")
    if not servers:
        raise _missing(_SERVERS, f'Add .option("{_SERVERS}", "host:port").')
    if is_source and not any(each.lower() in lower for each in _TOPICS):
        raise _missing(" or ".join(_TOPICS), 'Add .option("subscribe", "topic").')
    if not addresses(servers):
        raise fault(
            "KAFKA_SERVERS_INVALID",
            f"{_SERVERS} is no list of host:port",
            "Write host:port, several separated by commas.",
        )
    _check_values(lower, is_source=is_source, is_stream=is_stream)
    for key in given:
        if key.lower().startswith(_WORKSPACE):
            raise not_built(f"Kafka's option '{key}'", "Log in with kafka.sasl.* options.")
    return BrokerUse(servers, current_location()), dict(_changed(given, lower, local_path))


def _check_values(lower: Mapping[str, str], *, is_source: bool, is_stream: bool) -> None:
    """Check what Spark refuses only when a flow runs, or without the option's name.

    Source: "Structured Streaming + Kafka Integration Guide" of Spark.
    """
    for name in _OWN_OF_SOURCE if is_source else _OWN_OF_SINK:
        if name in lower:
            raise _invalid(name, "is set by Spark itself", "Remove it.")
    jaas = lower.get(_JAAS)
    if jaas is not None and not jaas.rstrip().endswith(";"):
        raise _invalid(_JAAS, "has no semicolon at its end", "Add `;` behind the last property.")
    if not is_source:
        return
    given = [each for each in _TOPICS if each.lower() in lower]
    if len(given) > 1:
        raise _invalid(given[1], f"is set beside {given[0]}", "Name the topics in one of them.")
    ends = next((each for each in lower if each.startswith("ending")), None)
    if is_stream and ends is not None:
        raise _invalid(ends, "is not supported for a stream", "Remove it, or use spark.read.")
    for name, (fits, what, hint) in _VALUES.items():
        if name.lower() in lower and not fits(lower[name.lower()].strip()):
            raise _invalid(name, what, hint)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _is_offset(text: str) -> bool:
    return text.lower() in ("earliest", "latest") or _is_json(text)


def _is_flag(text: str) -> bool:
    return text.lower() in ("true", "false")


_OFFSET = (
    _is_offset,
    "is neither earliest nor latest nor JSON",
    'Write "earliest", or offsets by topic and partition: {"topic": {"0": 23}}.',
)
_NUMBER = (str.isdecimal, "is not a whole number", "Write digits only; times in milliseconds.")
_FLAG = (_is_flag, "is neither true nor false", "Write true or false.")
_TIMES = (_is_json, "is not JSON", 'Write times by topic and partition: {"topic": {"0": 1700}}.')
_VALUES: Mapping[str, tuple[Callable[[str], bool], str, str]] = {
    **dict.fromkeys(("startingOffsets", "endingOffsets"), _OFFSET),
    **dict.fromkeys(("startingOffsetsByTimestamp", "endingOffsetsByTimestamp"), _TIMES),
    **dict.fromkeys(("failOnDataLoss", "includeHeaders"), _FLAG),
    **dict.fromkeys(
        (
            "startingTimestamp",
            "endingTimestamp",
            "maxOffsetsPerTrigger",
            "minOffsetsPerTrigger",
            "minPartitions",
            "maxRecordsPerPartition",
        ),
        _NUMBER,
    ),
}
"""Options of the source: what a value must be, what is said of others, and what to do."""


def _invalid(option: str, what: str, hint: str) -> Exception:
    message = f"Kafka's option {option} {what}"
    return fault("KAFKA_OPTION_INVALID", message, hint, option=option)


def _changed(
    given: Mapping[str, str], lower: Mapping[str, str], local_path: Callable[[str], str]
) -> Mapping[str, str]:
    found = {
        key: value.replace(_SHADED, "") for key, value in given.items() if _SHADED in value
    } | {key: local_path(value) for key, value in given.items() if key.lower().endswith(_FILES)}
    return found if lower.keys() & _SECONDS.keys() else {**found, **_SECONDS}


def sql_options(values: list[Any], named: Mapping[str, Any]) -> dict[str, str]:
    """Return the options of the source for the arguments of `read_kafka` in SQL.

    Source: the function's page in the Databricks SQL reference; all arguments are named.

    Raises:
        DefinitionError: READ_KAFKA_INVALID.
    """
    if values:
        raise fault(
            "READ_KAFKA_INVALID",
            "read_kafka takes its arguments by name",
            "Write read_kafka(bootstrapServers => 'host:port', subscribe => 'topic').",
        )
    return {
        _SERVERS if key.lower() == "bootstrapservers" else key: str(value).lower()
        if isinstance(value, bool)
        else str(value)
        for key, value in named.items()
    }


def _missing(option: str, hint: str) -> Exception:
    return fault("KAFKA_OPTION_MISSING", f"Kafka needs the option {option}", hint, option=option)
