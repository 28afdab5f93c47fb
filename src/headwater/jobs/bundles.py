"""The bundle that a folder is in, whose pipelines and volumes a job's tasks use."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from headwater.jobs.context import Run
from headwater.settings import read_settings
from headwater.state.store import Store
from headwater.state.target import Target, open_target

BUNDLE_FILES = ("databricks.yml", "databricks.yaml")


def bundle_above(root: Path) -> Path | None:
    """Find the folder of the bundle that a folder is in; None where it is in none."""
    folders = (root.resolve(), *root.resolve().parents)
    return next((each for each in folders if any((each / b).is_file() for b in BUNDLE_FILES)), None)


def open_bundle(folder: Path, target: str | None) -> Target:
    """Open a target of the bundle in a folder.

    Raises:
        UsageError: as `open_target`.
    """
    return open_target(folder, target=target, settings=read_settings())


def bundle_of(run: Run) -> Target | None:
    """Open the bundle that a run is in; None where it is in none.

    Raises:
        UsageError: as `open_target`.
    """
    if isinstance(run.target, Target):
        return run.target
    folder = bundle_above(run.root)
    return open_bundle(folder, run.target) if folder else None


def volumes_of(run: Run) -> Callable[[str, str, str], Path]:
    """Return what names the folder of a volume: where pipelines of the bundle have it, too."""

    store = functools.cache(functools.partial(store_of, run))
    return lambda catalog, schema, volume: store().volume_path(catalog, schema, volume)


def store_of(run: Run) -> Store:
    """Return the state folder of a run, with the volumes of the bundle that it is in.

    Raises:
        UsageError: as `open_target`.
    """
    target = bundle_of(run)
    if target is None:
        return Store(run.root / ".headwater" / "local")
    target.make_volumes()
    return target.store
