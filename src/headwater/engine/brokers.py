"""Whether the brokers of a pipeline answer, and what it means when Kafka's client fails.

Asked before anything is written: the client itself would wait for minutes, flow by flow.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Sequence

from headwater.errors import DefinitionError, HeadwaterError, UpdateError, all_faults
from headwater.graph.brokers import BrokerUse
from headwater.graph.model import Flow
from headwater.sandbox.causes import Cause

CONNECT_SECONDS = 4.0

_NETWORK = "Start the broker (`headwater dev up` runs one), or correct kafka.bootstrap.servers."
_FAILURES = {
    "UnknownTopicOrPartitionException": (
        "KAFKA_TOPIC_UNKNOWN",
        "a topic that it reads or writes, or a partition of it, does not exist",
        "Create the topic, or correct its name or the column `partition`.",
    ),
    "SaslAuthenticationException": (
        "KAFKA_LOGIN_REFUSED",
        "the broker refuses the login",
        "Check kafka.sasl.mechanism and kafka.sasl.jaas.config.",
    ),
    "SslAuthenticationException": (
        "KAFKA_LOGIN_REFUSED",
        "the TLS handshake with the broker failed",
        "Check kafka.security.protocol and the certificates of kafka.ssl.truststore.location.",
    ),
    "TopicAuthorizationException": (
        "KAFKA_NOT_ALLOWED",
        "the broker does not allow this to the login",
        "Grant the login the right to describe and read, or write, the topic.",
    ),
    "GroupAuthorizationException": (
        "KAFKA_NOT_ALLOWED",
        "the broker does not allow the login's consumer group",
        "Set kafka.group.id or groupIdPrefix to a group that is allowed.",
    ),
    "TimeoutException": (
        "KAFKA_UNREACHABLE",
        "the broker did not answer in time",
        f"{_NETWORK} Event Hubs, and brokers with TLS, need kafka.security.protocol, too. "
        "So it looks, too, when the topic of a sink does not exist.",
    ),
    "ConfigException": (
        "KAFKA_OPTION_INVALID",
        "Kafka's client refuses an option",
        "Check the options that begin with `kafka.`; --debug shows the client's own text.",
    ),
}
"""What the exceptions of Kafka's client mean, by class: code, what happened, what to do."""

_OPTION = re.compile(r"configuration ([a-z][a-z.]+[a-z])\b")
"""The name of an option in what Kafka's client says of its value."""

_PARTITION = re.compile(r"Partition \d+ of topic .* not present in metadata")
"""What the client says when it waited for a partition; of a topic it says so of silence, too."""

_LOST = ("KAFKA_DATA_LOSS", "KafkaIllegalStateException", "OffsetOutOfRangeException")


def check_brokers(uses: Iterable[BrokerUse], seconds: float = CONNECT_SECONDS) -> None:
    """Check that of each list of servers one takes connections; sends nothing.

    Args:
        seconds: how long to wait for each server.

    Raises:
        GraphError: KAFKA_UNREACHABLE for each list, at the first line that names it.
    """
    first: dict[str, BrokerUse] = {}
    for use in uses:
        first.setdefault(use.servers, use)
    with all_faults() as faults:
        for use in first.values():
            with faults:
                if not any(_connects(*each, seconds) for each in use.addresses):
                    raise DefinitionError(
                        "KAFKA_UNREACHABLE",
                        f"No Kafka broker answers at {use.servers}",
                        where=use.where,
                        hint=_NETWORK,
                        servers=use.servers,
                    )


def _connects(host: str, port: int, seconds: float) -> bool:
    try:
        with socket.create_connection((host, port), timeout=seconds):
            return True
    except OSError:
        return False


def explain_failure(
    chain: Sequence[Cause], flow: Flow, uses: Sequence[BrokerUse]
) -> HeadwaterError | None:
    """Return the error for a flow that Kafka's client ended; None when it did not.

    Args:
        chain: the causes of the failure, as `sandbox.causes` lists them.
        uses: all brokers of the pipeline.
    """
    if not uses:
        return None
    servers = ", ".join(dict.fromkeys(each.servers for each in uses))
    for each in reversed(chain):
        if each.condition.startswith(_LOST) or each.kind in _LOST:
            return UpdateError(
                "KAFKA_EVENTS_LOST",
                f"Flow '{flow.name}' failed: events that it has not read are not in the topic at "
                f"{servers}",
                where=flow.location,
                hint="The topic was made anew, keeps events too shortly, or ends before "
                f"startingOffsets. Run with --reset-checkpoints {flow.name} to keep the table's "
                "rows and read what the topic has; --full-refresh keeps only what it still has. "
                "Or set failOnDataLoss to false until it has gone on.",
                flow=flow.name,
            )
        if each.kind in _FAILURES:
            is_partition = _PARTITION.search(each.text)
            kind = "UnknownTopicOrPartitionException" if is_partition else each.kind
            code, what, hint = _FAILURES[kind]
            named = _OPTION.search(each.text) if each.kind == "ConfigException" else None
            what += f" (kafka.{named[1]})" if named else ""
            return UpdateError(
                code,
                f"Flow '{flow.name}' failed: {what}; Kafka at {servers}",
                where=flow.location,
                hint=hint,
                flow=flow.name,
                servers=servers,
            )
    return None
