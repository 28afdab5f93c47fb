"""What the tests of bundles share: writing a bundle, and catching its refusal."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from headwater.bundle import Bundle, load_bundle
from headwater.errors import BundleError

HEAD = "bundle:\n  name: demo\n"
PIPELINE = """
resources:
  pipelines:
    flow:
      schema: bronze
      libraries:
        - file:
            path: flow.py
"""


def write_bundle(folder: Path, main: str, **files: str) -> Path:
    """Write databricks.yml and a source; further files by path, with `__` for `/`."""
    (folder / "flow.py").write_text("x = 1\n")
    (folder / "databricks.yml").write_text(HEAD + dedent(main))
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return folder


def load(folder: Path, main: str, **settings: object) -> Bundle:
    return load_bundle(write_bundle(folder, main), **settings)  # type: ignore[arg-type]


def refusal(folder: Path, main: str, **settings: object) -> BundleError:
    with pytest.raises(BundleError) as caught:
        bundle = load(folder, main, **settings)
        for error in bundle.refused.values():
            raise error
    assert caught.value.hint
    return caught.value


def test_bundle_of_a_name_alone_has_the_target_default(tmp_path: Path) -> None:
    bundle = load(tmp_path, "")
    assert (bundle.name, bundle.target, bundle.mode, bundle.root) == (
        "demo",
        "default",
        None,
        tmp_path,
    )
