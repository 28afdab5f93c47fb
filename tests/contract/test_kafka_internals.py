"""What landing assumes of kafka-python's insides; see `landing.membership`."""

from kafka import KafkaConsumer
from kafka.cluster import ClusterMetadata
from kafka.consumer.fetcher import Fetcher
from kafka.coordinator.base import BaseCoordinator, Generation, MemberState
from kafka.coordinator.consumer import ConsumerCoordinator
from kafka.future import Future


def test_fetcher_holds_one_used_up_fetch() -> None:
    source = Fetcher.__init__.__code__.co_names
    assert "_next_partition_records" in source
    assert "_fetcher" in KafkaConsumer.__init__.__code__.co_names


def test_end_of_a_join_is_taken_over_as_the_coordinator_does_it() -> None:
    assert "_coordinator" in KafkaConsumer.__init__.__code__.co_names
    assert {"_net", "_lock", "_join_task", "rejoining", "rejoin_needed", "_generation"} <= set(
        BaseCoordinator.__init__.__code__.co_names
    )
    assert {
        "need_rejoin",
        "_join_task",
        "rejoining",
        "rejoin_needed",
        "STABLE",
        "_enable_heartbeat",
        "_on_join_complete_async",
    } <= set(BaseCoordinator.join_group_async.__code__.co_names)
    assert MemberState.STABLE
    assert Generation(1, "member", "range").is_lost() is False
    assert Future().failed() is False
    arguments = ConsumerCoordinator._on_join_complete_async.__code__.co_varnames
    assert arguments[1:5] == ("generation", "member_id", "protocol", "member_assignment_bytes")


def test_metadata_are_asked_for_as_the_cluster_is_configured() -> None:
    cluster = ClusterMetadata()
    assert cluster.metadata_request().allow_auto_topic_creation is True
    cluster.config["allow_auto_create_topics"] = False
    assert cluster.metadata_request().allow_auto_topic_creation is False
    assert "_cluster" in KafkaConsumer.__init__.__code__.co_names
