"""Where a target keeps its state."""

from pathlib import Path

import pytest

from headwater.errors import UsageError
from headwater.settings import Settings
from headwater.state.target import open_target


def bundle(folder: Path, target: str) -> Path:
    (folder / "databricks.yml").write_text(f"bundle: {{name: b}}\ntargets: {{'{target}': {{}}}}\n")
    return folder


def test_state_is_below_the_bundle(tmp_path: Path, settings: Settings) -> None:
    found = open_target(bundle(tmp_path, "d.e v"), settings=settings)
    assert found.store.root == tmp_path.resolve() / ".headwater" / "d.e v"


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "/etc"])
def test_target_can_not_lead_elsewhere(tmp_path: Path, settings: Settings, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_target(bundle(tmp_path, name), settings=settings)
    assert caught.value.code == "TARGET_NAME_INVALID"
    assert open_target(tmp_path, state=tmp_path / "s", settings=settings).store.root.name == "s"
