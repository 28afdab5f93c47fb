"""Brokers: whether one answers, and what a failure of Kafka's client means."""

from __future__ import annotations

import socket

import pytest

from headwater.engine.brokers import check_brokers, explain_failure
from headwater.errors import GraphError, HeadwaterError, Location
from headwater.graph.brokers import BrokerUse
from headwater.graph.model import Flow
from headwater.names import TableName
from headwater.sandbox.causes import Cause

CLOSED = "127.0.0.1:1"


def use(servers: str, line: int = 3) -> BrokerUse:
    return BrokerUse(servers, Location("src/p.py", line))


def explained(*chain: Cause) -> HeadwaterError | None:
    flow = Flow("bronze", TableName("c", "s", "bronze"), lambda: None, Location("src/p.py", 7))
    return explain_failure(chain, flow, [use("b:9092"), use("b:9092")])


def test_dead_broker_is_named_with_the_first_line_that_uses_it() -> None:
    with pytest.raises(GraphError) as caught:
        check_brokers([use(CLOSED), use(CLOSED, 9)], seconds=1)
    (fault,) = caught.value.faults
    assert (fault.code, str(fault.where)) == ("KAFKA_UNREACHABLE", "src/p.py:3")
    assert CLOSED in fault.message


def test_one_server_that_answers_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        check_brokers([use(f"{CLOSED},PLAINTEXT://127.0.0.1:{server.getsockname()[1]}")], seconds=1)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("TimeoutException", "KAFKA_UNREACHABLE"),
        ("SaslAuthenticationException", "KAFKA_LOGIN_REFUSED"),
        ("UnknownTopicOrPartitionException", "KAFKA_TOPIC_UNKNOWN"),
        ("OffsetOutOfRangeException", "KAFKA_EVENTS_LOST"),
    ],
)
def test_failure_of_the_client_has_a_code_of_its_own(kind: str, code: str) -> None:
    error = explained(Cause("StreamingQueryException", "STREAM_FAILED"), Cause(kind, ""))
    assert error is not None
    assert error.code == code
    assert "b:9092" in error.message
    assert str(error.where) == "src/p.py:7"


def test_partition_that_is_not_there_is_no_broker_that_is_silent() -> None:
    after = "not present in metadata after 15000 ms."
    for text, code in (
        (f"Partition 7 of topic t with partition count 1 is {after}", "KAFKA_TOPIC_UNKNOWN"),
        (f"Topic t {after}", "KAFKA_UNREACHABLE"),
    ):
        error = explained(Cause("TimeoutException", "", {}, text))
        assert error is not None
        assert error.code == code


def test_lost_events_name_what_keeps_the_rows() -> None:
    error = explained(Cause("KafkaIllegalStateException", ""))
    assert error is not None
    assert "--reset-checkpoints bronze" in error.hint


def test_option_that_the_client_refuses_is_named_without_its_value() -> None:
    text = "Invalid value NOPE for configuration security.protocol: must be one of ..."
    error = explained(Cause("ConfigException", "", {}, text))
    assert error is not None
    assert "(kafka.security.protocol)" in error.message
    assert "NOPE" not in error.message


def test_other_failures_are_not_blamed_on_kafka() -> None:
    assert explained(Cause("ArithmeticException", "DIVIDE_BY_ZERO")) is None
