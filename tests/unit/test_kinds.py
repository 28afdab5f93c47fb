"""What a dataset is, and how its flows write, decided from all its flows at once."""

from typing import Any, cast

import pytest

from headwater.errors import DefinitionError, Location
from headwater.graph.kinds import dataset_kind, flow_kind
from headwater.graph.model import DatasetKind, Flow, FlowKind
from headwater.graph.sql_query import SqlQuery
from headwater.names import TableName

STREAMING, BATCH = True, False
TABLE, VIEW = DatasetKind.STREAMING_TABLE, DatasetKind.MATERIALIZED_VIEW


SQL = SqlQuery("SELECT 1", 0, cast(Any, None), cast(Any, None))


def flow(*, own: bool = False, once: bool = False, query: Any = lambda: None) -> Flow:
    return Flow("f", TableName("c", "s", "t"), query, Location("x.py", 3), own=own, once=once)


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


@pytest.mark.parametrize(
    ("kind", "given", "streaming", "hint"),
    [
        (TABLE, flow(own=True), BATCH, "with spark.readStream. Or make it a materialized view."),
        (TABLE, flow(), BATCH, "Read its source with spark.readStream. Or add once=True."),
        (
            TABLE,
            flow(query=SQL),
            BATCH,
            "FROM STREAM source. Or let it run once: INSERT INTO ONCE.",
        ),
        (VIEW, flow(own=True, query=SQL), STREAMING, "Read its source without STREAM."),
        (DatasetKind.SINK, flow(), BATCH, "Read its source with spark.readStream."),
    ],
)
def test_hint_speaks_the_language_of_the_query(
    kind: DatasetKind, given: Flow, streaming: bool, hint: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        flow_kind(kind, given, streaming)
    assert caught.value.hint.endswith(hint)
