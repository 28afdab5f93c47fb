"""Workarounds for faults inside kafka-python 3.0.12; see `tests/contract/test_kafka_internals.py`.

The faults make a consumer hang silently forever, or recreate a deleted topic. What does not live
here: reading.
"""

from __future__ import annotations

from typing import Any

from kafka.coordinator.base import MemberState


def make_no_topics(consumer: Any) -> None:
    """Keep a consumer that only asks for a topic from creating it.

    kafka-python has a setting for that, `allow_auto_create_topics`, and does not pass it on.
    """
    consumer._cluster.config["allow_auto_create_topics"] = False


def finish_join(consumer: Any) -> None:
    """Complete a join of the group that ended since the last poll.

    kafka-python looks at the end of a join only while it believes that it has to join. It may
    have ceased to believe that meanwhile: with new metadata, a second join begins right after the
    first, and its own assignment makes it needless. Then the partitions are revoked, heartbeats
    are off, and no partition is ever assigned. A failed join is to be tried anew for sure.
    """
    coordinator = consumer._coordinator
    task = coordinator._join_task
    if not coordinator.rejoining or (task is not None and not task.is_done):
        return
    if task is None or task.failed() or coordinator._generation.is_lost():
        coordinator.request_rejoin()
        return
    coordinator._net.run(_complete_join, coordinator, task.value)


async def _complete_join(coordinator: Any, assignment: bytes) -> None:
    """Do what `join_group_async` does after its join; tells the listener what is assigned."""
    coordinator._join_task = None
    with coordinator._lock:
        coordinator.rejoining = coordinator.rejoin_needed = False
        coordinator.state = MemberState.STABLE
        coordinator._enable_heartbeat()
        joined = coordinator._generation
    await coordinator._on_join_complete_async(
        joined.generation_id, joined.member_id, joined.protocol, assignment
    )


def knows_topic(consumer: Any, topic: str) -> bool:
    """Return whether the broker's last metadata hold a topic; if not, ask anew, without waiting."""
    cluster = consumer._cluster
    if cluster.partitions_for_topic(topic):
        return True
    cluster.request_update()
    return False


def known_id(consumer: Any, topic: str) -> str | None:
    """Return the id that the broker gave a topic, by the last metadata; None without one."""
    found = consumer._cluster.topic_id(topic)
    return str(found) if found and found.int else None


def give_back_parked(consumer: Any) -> None:
    """Release a fetch that is used up.

    kafka-python parks the rest of a fetch when its partition is paused, and gives it back only
    while it holds no other fetch; but it goes on to hold one that is used up, so the parked
    partition would rest forever.
    """
    fetcher = consumer._fetcher
    if fetcher._next_partition_records is not None and not fetcher._next_partition_records:
        fetcher._next_partition_records = None
