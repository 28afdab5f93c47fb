"""What landing assumes of kafka-python's fetcher; see `landing.kafka._give_back_parked`."""

from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher


def test_fetcher_holds_one_used_up_fetch() -> None:
    source = Fetcher.__init__.__code__.co_names
    assert "_next_partition_records" in source
    assert "_fetcher" in KafkaConsumer.__init__.__code__.co_names
