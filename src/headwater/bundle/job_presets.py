"""What a target's mode and presets set in every job: pause, tags, concurrent runs.

Source: "Deployment modes" in the documentation of Databricks bundles, read November 2026.
"""

from __future__ import annotations

from headwater.bundle.merge import merge
from headwater.yaml_nodes import Node

_TRIGGERS = ("schedule", "trigger", "continuous")
PRESET_FIELDS = (*_TRIGGERS, "tags")
"""Fields of a job that presets add to; each is a map."""

_USER = "${workspace.current_user.short_name}"


def with_presets(job: Node, presets: Node | None, *, is_development: bool) -> Node:
    """Return a job with the presets of its target; a job's own value counts.

    Development mode pauses triggers, tags jobs with the user and allows four runs at once, where
    `presets` do not say otherwise.
    """
    known = presets or Node({}, job.location)
    if is_development:
        known = merge(_of_development(job), _without_texts(known))
    tags, pause = known.get("tags"), known.get("trigger_pause_status")
    own = job.get("tags")
    if tags and tags.kind == "map" and (own is None or own.kind == "map"):
        job = job.put(("tags",), Node({**tags.entries, **job.below("tags")}, job.location))
    for trigger in _TRIGGERS:
        given = job.get(trigger)
        if pause and given and given.kind == "map" and not given.get("pause_status"):
            job = job.put((trigger, "pause_status"), pause)
    runs, given = known.get("jobs_max_concurrent_runs"), job.get("max_concurrent_runs")
    if runs and (given is None or given.text == "0"):
        job = job.put(("max_concurrent_runs",), runs)
    return job


def _without_texts(presets: Node) -> Node:
    """Leave out tags that only a workspace knows."""
    tags = presets.get("tags")
    if tags is None or tags.kind == "map":
        return presets
    return Node({k: v for k, v in presets.entries.items() if k != "tags"}, presets.location)


def _of_development(job: Node) -> Node:
    presets = {
        "trigger_pause_status": Node("PAUSED", job.location),
        "tags": Node({"dev": Node(_USER, job.location)}, job.location),
        "jobs_max_concurrent_runs": Node(4, job.location),
    }
    return Node(presets, job.location)
