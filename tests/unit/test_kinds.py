"""What a dataset is, and how its flows write, decided from all its flows at once."""

import pytest

from headwater.errors import DefinitionError, Location
from headwater.graph.kinds import dataset_kind, flow_kind
from headwater.graph.model import DatasetKind, Flow, FlowKind
from headwater.names import TableName

STREAMING, BATCH = True, False
TABLE, VIEW = DatasetKind.STREAMING_TABLE, DatasetKind.MATERIALIZED_VIEW


def flow(*, own: bool = False, once: bool = False) -> Flow:
    name = TableName("c", "s", "t")
    return Flow("f", name, lambda: None, Location("x.py", 3), own=own, once=once)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("flows", "kind"),
    [
        ([(flow(own=True), STREAMING)], TABLE),
        ([(flow(own=True), BATCH)], VIEW),
        ([(flow(own=True), STREAMING), (flow(once=True), BATCH)], TABLE),
        ([(flow(once=True), BATCH), (flow(own=True), STREAMING)], TABLE),
        ([(flow(own=True), BATCH), (flow(), STREAMING)], TABLE),
        ([(flow(own=True), BATCH), (flow(once=True), BATCH)], TABLE),
    ],
)
def test_flow_beside_the_own_query_makes_a_streaming_table(
    flows: list[tuple[Flow, bool]], kind: DatasetKind
) -> None:
    assert dataset_kind(None, flows) is kind


def test_once_flow_beside_a_stream_is_appended() -> None:
    assert flow_kind(TABLE, flow(own=True), STREAMING) is FlowKind.APPEND
    assert flow_kind(TABLE, flow(once=True), BATCH) is FlowKind.APPEND


@pytest.mark.parametrize(
    ("kind", "given", "streaming"),
    [
        (TABLE, flow(own=True), BATCH),
        (TABLE, flow(once=True), STREAMING),
        (VIEW, flow(own=True), STREAMING),
    ],
)
def test_query_of_the_wrong_kind_is_refused_at_its_place(
    kind: DatasetKind, given: Flow, streaming: bool
) -> None:
    with pytest.raises(DefinitionError) as caught:
        flow_kind(kind, given, streaming)
    assert (caught.value.code, str(caught.value.where)) == ("FLOW_KIND_WRONG", "x.py:3")
