"""What a target's mode and presets set in every job: pause, tags, concurrent runs.

Source: "Deployment modes" in the documentation of Databricks bundles, read November 2026.
"""

from __future__ import annotations

from headwater.bundle.merge import merge
from headwater.yaml_nodes import Node

_TRIGGERS = ("schedule", "trigger", "continuous")
_USER = "${workspace.current_user.short_name}"


def with_presets(job: Node, presets: Node | None, *, is_development: bool) -> Node:
    """Return a job with the presets of its target; a job's own value counts.

    Development mode pauses triggers, tags jobs with the user and allows four runs at once, where
    `presets` do not say otherwise.
    """
    known = presets or Node({}, job.location)
    if is_development:
        known = merge(_of_development(job), known)
    tags, pause = known.get("tags"), known.get("trigger_pause_status")
    if tags:
        job = job.put(("tags",), Node({**tags.entries, **job.below("tags")}, job.location))
    for trigger in _TRIGGERS:
        if pause and job.get(trigger) and not job.get(trigger, "pause_status"):
            job = job.put((trigger, "pause_status"), pause)
    runs, given = known.get("jobs_max_concurrent_runs"), job.get("max_concurrent_runs")
    if runs and (given is None or given.text == "0"):
        job = job.put(("max_concurrent_runs",), runs)
    return job


def _of_development(job: Node) -> Node:
    presets = {
        "trigger_pause_status": Node("PAUSED", job.location),
        "tags": Node({"dev": Node(_USER, job.location)}, job.location),
        "jobs_max_concurrent_runs": Node(4, job.location),
    }
    return Node(presets, job.location)
