"""The places of a flow: one value per generation of its target."""

from pathlib import Path

from headwater.errors import Location
from headwater.graph.model import Flow
from headwater.names import TableName
from headwater.state.pipeline import PipelineState
from headwater.state.places import FlowPlaces, flow_places

FLOW = Flow("f", TableName("c", "s", "t"), lambda: None, Location("x.py", 3))  # type: ignore[arg-type, return-value]


def places(root: Path, generation: int = 0, pipeline_id: str = "p") -> FlowPlaces:
    state = PipelineState(root)
    return flow_places(state, FLOW, generation, table=root / "t", pipeline_id=pipeline_id)


def test_full_refresh_moves_everything_but_the_table(tmp_path: Path) -> None:
    before, after = vars(places(tmp_path, 0)), vars(places(tmp_path, 1))
    assert [name for name, place in before.items() if after[name] == place] == ["table"]


def test_identity_stays_when_the_state_moves(tmp_path: Path) -> None:
    assert places(tmp_path / "a").identity == places(tmp_path / "b").identity
    assert places(tmp_path).identity != places(tmp_path, pipeline_id="q").identity


def test_identity_of_a_checkpoint_is_that_of_earlier_versions(tmp_path: Path) -> None:
    """Once flows have committed under it: another one would add their rows again."""
    assert places(tmp_path, 3).identity == "c832bc59-ac45-537e-ae82-b22923af9781"
