"""Variables of the bundle that a comparison has for its base."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.bundle import Bundle, load_bundle
from headwater.bundle.variables import overrides_file
from headwater.comparison.variables import give_overrides, with_known_variables

BUNDLE = """
bundle: {name: test}
targets: {dev: {default: true}}
variables: {schema: {default: s}, catalog: {default: c}}
resources:
  pipelines:
    flow: {catalog: "${var.catalog}", schema: "${var.schema}", libraries: [{glob: {include: p/**}}]}
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """The bundle of a base, beside a folder of now with a file of variables."""
    for folder in ("base", "now"):
        (tmp_path / folder).mkdir()
    (tmp_path / "base/databricks.yml").write_text(BUNDLE)
    (tmp_path / "base/p").mkdir()
    (tmp_path / "base/p/a.sql").touch()
    return tmp_path / "base"


def opened(base: Path, overrides: str, **given: str) -> tuple[str, str]:
    file = overrides_file(base.parent / "now", "dev")
    file.parent.mkdir(parents=True)
    file.write_text(overrides)
    give_overrides(base.parent / "now", base, "dev")

    def opening(variables: object) -> Bundle:
        return load_bundle(base, variables=variables)  # type: ignore[arg-type]

    bundle = with_known_variables(opening, given, overrides_file(base, "dev"))
    spec = bundle.pipeline()
    return spec.catalog, spec.schema


def test_base_has_the_variables_of_this_machine(base: Path) -> None:
    assert opened(base, '{"schema": "mine"}') == ("c", "mine")


def test_variables_that_came_after_the_base_are_left_out(base: Path) -> None:
    found = opened(base, '{"schema": "mine", "newer": 1}', catalog="other", newest="2")
    assert found == ("other", "mine")
