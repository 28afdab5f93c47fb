"""Fields that several kinds of resources share, and those of the bundle beside its resources.

Source: Databricks' configuration reference for bundles, read November 2026.
"""

from __future__ import annotations

from headwater.bundle.access import PRINCIPALS
from headwater.bundle.shapes import ANY, FLAG, NUMBER, TEXT, each, fields, list_of, named, one_of

PERMISSIONS = list_of(
    fields(**named(TEXT, " ".join(("level", *PRINCIPALS)))),
)
GRANTS = list_of(fields(principal=TEXT, privileges=list_of(TEXT)))
RUN_AS = fields(**named(TEXT, " ".join(PRINCIPALS)))
PAUSE_STATUS = one_of("PAUSED UNPAUSED")
OF_ANY_RESOURCE = named(ANY, "id lifecycle modified_status url")
"""Settings of a deployment, and what a workspace gives back."""

SECTIONS = {
    "permissions": PERMISSIONS,
    "run_as": RUN_AS,
    "presets": fields(
        **named(FLAG, "artifacts_dynamic_version pipelines_development source_linked_deployment"),
        jobs_max_concurrent_runs=NUMBER,
        name_prefix=TEXT,
        tags=each(TEXT),
        trigger_pause_status=PAUSE_STATUS,
    ),
    "sync": fields(**named(list_of(TEXT), "exclude include paths")),
    "artifacts": each(
        fields(
            **named(TEXT, "build executable path type"),
            dynamic_version=FLAG,
            files=ANY,
        )
    ),
    "scripts": each(fields(content=TEXT)),
}
"""The sections of a bundle beside its resources, by name."""
