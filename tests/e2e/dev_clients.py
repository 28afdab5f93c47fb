"""Clients of the development servers, as a program outside the project would make them."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping
from typing import Any

import kafka
import pytest

needs_node = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None,
    reason="Azurite needs node and npm, and they are not on the path",
)


def plain(facts: Mapping[str, str]) -> dict[str, Any]:
    """The kafka-python settings of the plain listener."""
    return {"bootstrap_servers": facts["bootstrap_servers"]}


def event_hubs(facts: Mapping[str, str]) -> dict[str, Any]:
    """The kafka-python settings of the listener that is spoken to as Event Hubs is."""
    return {
        "bootstrap_servers": facts["sasl_bootstrap_servers"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "$ConnectionString",
        "sasl_plain_password": facts["connection_string"],
        "ssl_cafile": facts["ca_file"],
    }


def send(settings: Mapping[str, Any], topic: str, *values: bytes) -> None:
    """Send events and wait until the broker has them."""
    producer = kafka.KafkaProducer(**settings)
    try:
        sent = [producer.send(topic, value) for value in values]
        for each in sent:
            each.get(timeout=30)
    finally:
        producer.close()


def receive(settings: Mapping[str, Any], topic: str, count: int) -> list[Any]:
    """Read `count` events of a topic from its beginning, or those that came within 30 seconds."""
    consumer = kafka.KafkaConsumer(
        topic,
        auto_offset_reset="earliest",
        consumer_timeout_ms=30_000,
        metadata_max_age_ms=500,  # the topic may only be made by a program that is starting
        **settings,
    )
    try:
        return list(itertools.islice(consumer, count))
    finally:
        consumer.close()
