"""What is wrong with Kafka's options is told at the user's line, before a client is made."""

from __future__ import annotations

import pytest

from headwater.errors import DefinitionError
from headwater.sandbox import kafka

GIVEN = {"kafka.bootstrap.servers": "b:9092", "subscribe": "t"}


def checked(**changes: str) -> dict[str, str]:
    options = {**GIVEN, **{key.replace("__", "."): value for key, value in changes.items()}}
    _, found = kafka.checked(options, lambda path: f"/state{path}", is_source=True)
    return found


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("kafka__bootstrap__servers", "", "KAFKA_OPTION_MISSING"),
        ("kafka__bootstrap__servers", "b", "KAFKA_SERVERS_INVALID"),
        ("startingOffsets", "soon", "KAFKA_OPTION_INVALID"),
        ("startingOffsets", "{bad", "KAFKA_OPTION_INVALID"),
        ("startingOffsetsByTimestamp", "1700", "KAFKA_OPTION_INVALID"),
        ("startingTimestamp", "2024-01-01", "KAFKA_OPTION_INVALID"),
        ("maxOffsetsPerTrigger", "x", "KAFKA_OPTION_INVALID"),
        ("failOnDataLoss", "maybe", "KAFKA_OPTION_INVALID"),
        ("endingOffsets", "latest", "KAFKA_OPTION_INVALID"),
        ("subscribePattern", "t.*", "KAFKA_OPTION_INVALID"),
        ("kafka__auto__offset__reset", "earliest", "KAFKA_OPTION_INVALID"),
        ("kafka__key__deserializer", "a.B", "KAFKA_OPTION_INVALID"),
        ("kafka__sasl__jaas__config", "a.B required", "KAFKA_OPTION_INVALID"),
        ("databricks__serviceCredential", "c", "API_NOT_BUILT"),
    ],
)
def test_option_that_can_not_work_is_refused(option: str, value: str, code: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        checked(**{option: value})
    assert caught.value.code == code


def test_options_that_work_are_left_as_they_are() -> None:
    given = {
        **GIVEN,
        "startingOffsets": '{"t": {"0": 4, "1": -1}}',
        "endingTimestamp": "1700",
        "failOnDataLoss": "False",
        "kafka.group.id": "g",
    }
    kafka.checked(given, str, is_source=True, is_stream=False)
    sink = {"kafka.bootstrap.servers": "b:9092", "kafka.key.deserializer": "a.B"}
    kafka.checked(sink, str, is_source=False)
    kafka.checked({**GIVEN, "key.deserializer": "a.B"}, str, is_source=True)


def test_classes_of_a_workspace_get_their_own_names() -> None:
    login = "kafkashaded.org.apache.kafka.common.security.plain.PlainLoginModule required;"
    found = checked(kafka__sasl__jaas__config=login)
    assert found["kafka.sasl.jaas.config"] == login.removeprefix("kafkashaded.")


def test_files_of_the_client_are_found_in_volumes() -> None:
    found = checked(kafka__ssl__truststore__location="/Volumes/c/s/v/t.pem")
    assert found["kafka.ssl.truststore.location"] == "/state/Volumes/c/s/v/t.pem"


def test_client_waits_less_than_a_minute_unless_the_source_says_how_long() -> None:
    assert checked()["kafka.default.api.timeout.ms"] == "15000"
    assert checked(kafka__request__timeout__ms="60000") == {}
