"""Run a pipeline as it was at a commit and as it is now, on the same input, and compare."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from pyspark.sql import SparkSession

from headwater.analysis.changes import column_changes
from headwater.bundle.variables import overrides_file
from headwater.comparison.checkout import check_out
from headwater.comparison.inputs import link_inputs
from headwater.comparison.report import Comparison, TableDifference, moved_rules
from headwater.comparison.runs import Run, run_apart
from headwater.comparison.tables import compare_rows
from headwater.comparison.variables import give_overrides, with_known_variables
from headwater.errors import UpdateError, UsageError
from headwater.flows.overwrite import table_schema
from headwater.settings import Settings
from headwater.state.pipeline import PipelineState
from headwater.state.store import Store
from headwater.state.target import Target, open_target


@dataclass(frozen=True)
class CompareRequest:
    """What to compare.

    Attributes:
        base: branch, tag or commit to compare with.
        sample: at most so many files of each folder of a volume.
        keys: columns that identify the rows of a table, by its name or the end of it.
        ignored: columns of any table that may differ.
        variables: of the bundle, as they were given.
    """

    base: str
    sample: int | None = None
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    ignored: Collection[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sides:
    """The two targets of a comparison, in a folder of their own.

    Both run in the same state folder, one after the other, so that the paths of files are the
    same; what a run has left is moved aside.
    """

    head: Target
    base: Target
    commit: str
    folder: Path

    @property
    def state(self) -> Path:
        """The state folder of a run, while it goes on."""
        return self.head.store.root

    def aside(self, side: str) -> Path:
        """Name the folder that a state is moved to."""
        return self.folder / side


@contextmanager
def two_sides(
    target: Target, pipeline: str, request: CompareRequest, settings: Settings
) -> Iterator[Sides]:
    """Check the base out and open both targets; all of it is gone at the end.

    Raises:
        UsageError: what `check_out` raises; PIPELINE_NOT_IN_BASE.
        BundleError: whatever is wrong with the bundle of the base.
    """
    beside = target.store.root.parent  # files can be linked within a file system
    place = beside if os.access(beside, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix=".compare-", dir=place) as temporary:
        folder = Path(temporary)
        root, commit = check_out(target.bundle.root, request.base, folder)
        give_overrides(target.bundle.root, root, target.bundle.target)
        state = folder / "state" / target.bundle.target
        state.mkdir(parents=True)
        base = with_known_variables(
            lambda variables: open_target(
                root,
                target=target.bundle.target,
                variables=variables,
                state=state,
                settings=settings,
            ),
            request.variables,
            overrides_file(root, target.bundle.target),
        )
        if pipeline not in base.bundle.pipelines:
            raise UsageError(
                "PIPELINE_NOT_IN_BASE",
                f"At '{request.base}' the bundle has no pipeline '{pipeline}'",
                hint="There is nothing to compare a new pipeline with.",
                pipeline=pipeline,
            )
        yield Sides(Target(target.bundle, Store(state)), base, commit, folder)


def compare(
    spark: SparkSession,
    sides: Sides,
    source: Target,
    pipeline: str,
    request: CompareRequest,
    tell: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Run both sides on the input of a target, and return what differs.

    The target is only read.

    Args:
        source: the target whose volumes and tables are the input.
        pipeline: its key.
        tell: is told how each run ended.

    Raises:
        GraphError: one side has faults, or writes outside of its state folder.
        UpdateError: COMPARE_BASE_FAILED.
    """
    moment = datetime.now(timezone.utc).replace(tzinfo=None)
    made = {name for name, _ in PipelineState(source.store.pipeline_path(pipeline)).made_tables()}
    runs: dict[str, Run] = {}
    for side, target, name in (("base", sides.base, sides.commit), ("head", sides.head, "now")):
        sides.state.mkdir(parents=True, exist_ok=True)
        link_inputs(source.store, target.store, made, sample=request.sample)
        runs[side] = run_apart(spark, target, pipeline, moment)
        sides.state.rename(sides.aside(side))
        error = runs[side].error
        tell(f"{name}: {'COMPLETED' if error is None else 'FAILED'} in {runs[side].seconds:.0f} s")
        if side == "base" and error is not None:
            raise UpdateError(
                "COMPARE_BASE_FAILED",
                f"The pipeline fails at '{request.base}': {error.headline}",
                hint="Compare with a commit at which it runs on this input.",
            )
    base, head = runs["base"], runs["head"]
    names = sorted({*base.tables, *head.tables})
    tables = tuple(_difference(spark, sides, each, base, head, request) for each in names)
    for note in _vain_keys(tables, request.keys):
        tell(f"note: {note}")
    return Comparison(
        pipeline,
        f"{request.base} ({sides.commit})",
        tables,
        moved_rules(base.rules, head.rules),
        None if head.error is None else head.error.headline,
    )


def _difference(
    spark: SparkSession, sides: Sides, name: str, base: Run, head: Run, request: CompareRequest
) -> TableDifference:
    before, after = base.tables.get(name), head.tables.get(name)
    if before is None or after is None:
        return TableDifference(name, "head" if before is None else "base")
    paths = sides.aside("base") / before.path, sides.aside("head") / after.path
    given = next((keys for end, keys in request.keys.items() if _means(end, name)), None)
    keys = given or (after.keys if before.keys == after.keys else ())
    rows = compare_rows(spark, *paths, keys=keys, ignored=request.ignored)
    columns = column_changes(*map(table_schema, paths))
    return TableDifference(name, "both", columns, rows)


def _means(end: str, name: str) -> bool:
    return f".{name}".lower().endswith(f".{end}".lower())


def _vain_keys(
    tables: Sequence[TableDifference], keys: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Tell of keys that were given and not compared by."""
    for end, columns in keys.items():
        meant = [each for each in tables if _means(end, each.name)]
        if not meant:
            yield f"--key {end} names no table of the pipeline"
        for each in meant:
            if each.rows is not None and not each.rows.keys:
                named = ", ".join(columns)
                yield f"whole rows of {each.name} are compared: {named} does not identify them"
