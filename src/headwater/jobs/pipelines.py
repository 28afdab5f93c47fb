"""Run an update of a pipeline of the bundle as a task."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any

from headwater.bundle import PipelineSpec
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater
from headwater.errors import JobError, UsageError, nearest
from headwater.jobs.bundles import BUNDLE_FILES, bundle_of
from headwater.jobs.context import Run, TaskContext
from headwater.jobs.results import Outcome
from headwater.state.target import Target

_REFERENCE = re.compile(r"\$\{resources\.pipelines\.([^.}]+)\.id\}")
_one_at_a_time = threading.Lock()


def run_pipeline(context: TaskContext, pipeline: str, selection: Mapping[str, Any]) -> Outcome:
    """Run an update of a pipeline of the bundle at, or above, the run's folder.

    Updates run one at a time: an update changes PySpark while it lasts.

    Args:
        pipeline: its key, name or local id, or `${resources.pipelines.<key>.id}`.
        selection: `full_refresh`, `refresh_selection`, `full_refresh_selection`, as in a job.

    Raises:
        UsageError: BUNDLE_MISSING, PIPELINE_UNKNOWN.
        JobError: the update's code, or PIPELINE_FAILED.
    """
    request = request_of(selection)
    opened, spec = find_pipeline(context.run, pipeline)
    with context.alone(_one_at_a_time):
        updater = Updater(
            context.session, opened.bundle, spec, opened.store, stopping=context.cancelled
        )
        result = updater.run(request)
    context.check()
    if result.error is not None:
        raise JobError(result.error.code, f"Pipeline '{spec.key}': {result.error.message}")
    if result.state != "COMPLETED":
        raise JobError("PIPELINE_FAILED", f"Pipeline '{spec.key}' ended {result.state}")
    return Outcome()


def request_of(selection: Mapping[str, Any]) -> UpdateRequest:
    """Return what a pipeline task asks of the update."""
    everything = ("*",) if selection.get("full_refresh") else ()
    return UpdateRequest(
        full_refresh=everything or tuple(selection.get("full_refresh_selection") or ()),
        refresh=tuple(selection.get("refresh_selection") or ()),
    )


def find_pipeline(run: Run, wanted: str) -> tuple[Target, PipelineSpec]:
    """Find a pipeline of the bundle that a run is in.

    Raises:
        UsageError: BUNDLE_MISSING, PIPELINE_UNKNOWN.
    """
    target = bundle_of(run)
    if target is None:
        raise UsageError(
            "BUNDLE_MISSING",
            f"There is no {BUNDLE_FILES[0]} to find the pipeline in",
            where=str(run.root),
            hint="Run in the folder of a bundle.",
        )
    return target, _find(target, wanted)


def _find(target: Target, wanted: str) -> PipelineSpec:
    reference = _REFERENCE.fullmatch(wanted)
    name = reference[1] if reference else wanted
    specs = target.bundle.pipelines.values()
    for spec in specs:
        if name in (spec.key, spec.name, target.bundle.pipeline_id(spec)):
            return spec
    raise UsageError(
        "PIPELINE_UNKNOWN",
        f"The bundle has no pipeline '{name}'",
        hint=nearest(name, [spec.key for spec in specs])
        or "Locally a pipeline is named by its key in the bundle.",
    )
