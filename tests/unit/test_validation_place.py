"""Looking at a pipeline leaves its state folder to those who fill it."""

from pathlib import Path
from typing import Any, cast

import pytest

from headwater.cli.updates import untouched
from headwater.errors import DefinitionError, GraphError, SettingError
from headwater.state.store import Store
from headwater.state.target import Target


def target(folder: Path) -> Target:
    return Target(cast(Any, None), Store(folder))


def test_state_that_others_make_meanwhile_is_left_alone(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with untouched(target(state)) as place:
        (place.store.root / "logs").mkdir()
        (state / "volumes").mkdir(parents=True)
    assert (state / "volumes").is_dir()
    assert not place.store.root.exists()
    assert place.store.root != state


def test_state_that_is_there_is_looked_at(tmp_path: Path) -> None:
    with untouched(target(tmp_path)) as place:
        assert place.store.root == tmp_path


def test_log_of_a_java_that_does_not_start_stays(tmp_path: Path) -> None:
    with pytest.raises(SettingError), untouched(target(tmp_path / "state")) as place:
        (place.store.root / "spark.log").write_text("why")
        raise SettingError("JVM_START_FAILED", "x", hint=str(place.store.root / "spark.log"))
    assert (place.store.root / "spark.log").read_text() == "why"


def test_errors_name_the_folder_that_will_be_looked_in(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with pytest.raises(GraphError) as caught, untouched(target(state)) as place:
        missing = place.store.root / "volumes" / "in"
        raise GraphError([DefinitionError("A", f"No folder {missing}")] * 2)
    assert [each.message for each in caught.value.parts] == [f"No folder {state}/volumes/in"] * 2
