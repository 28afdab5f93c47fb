"""What Spark's progress tells of a micro-batch."""

from headwater.flows.backlog import kafka_backlog
from headwater.flows.progress import shown_progress

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


def test_progress_is_told_without_folders_and_without_times_of_rows() -> None:
    told = {
        "batchId": 1,
        "numInputRows": 2,
        "eventTime": {"max": "1987-05-01T00:00:00.000Z"},
        "observedMetrics": {"main.s.t#0": {"input_rows": 2}},
        "sources": [{"description": "DeltaSource[file:/home/me/t]", "numInputRows": 2}],
        "sink": {"description": "DeltaSink[/home/me/u]", "numOutputRows": -1},
    }
    assert shown_progress(told) == {
        "batchId": 1,
        "numInputRows": 2,
        "sources": [{"description": "DeltaSource", "numInputRows": 2}],
        "sink": {"description": "DeltaSink", "numOutputRows": -1},
    }
