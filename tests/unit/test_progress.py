"""What Spark's progress tells of a micro-batch."""

from headwater.engine.progress import kafka_backlog

TOPIC = {
    "description": "KafkaV2[Subscribe[t]]",
    "endOffset": {"t": {"0": 3, "1": 5}},
    "latestOffset": {"t": {"0": 10, "1": 5}},
}


def test_backlog_is_what_lies_between_the_offsets() -> None:
    assert kafka_backlog([TOPIC, TOPIC]) == 14


def test_other_sources_have_no_backlog_of_events() -> None:
    files = {"description": "FileStreamSource[/in]", "endOffset": {"logOffset": 1}}
    assert kafka_backlog([files]) is None
