"""Move files that bronze holds out of the landing folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claims_analytics.tasks import delivery
from claims_analytics.tasks.control import Control
from claims_analytics.tasks.parameters import LANDING, TABLES
from claims_analytics.tasks.places import Places
from headwater.tasks.steps import Step, go_on

PARAMETERS = (*TABLES, LANDING)


def archive(spark: Any, parameters: Mapping[str, str], step: Step = go_on) -> dict[str, Any]:
    """Move each file whose bytes are in bronze to `archive/<run>/`, and note it.

    A file that came again with the same bytes is moved without being read by bronze; one with
    other bytes is a new delivery and stays. Killed between the two, the next run notes the rest.
    """
    control = Control(spark, Places.of(parameters))
    held = {(each.path, each.sha256): each for each in control.files()}
    moved = 0
    there = set()
    for file in delivery.landed(parameters["base_volume_path"]):
        found = held.get((file.path, file.sha256()))
        if found is None:
            there.add(file.path)
            continue
        step(f"move {file.source.name}")
        delivery.move(file.path, file.archived_path(found.run_id))
        moved += 1
    step("note")
    control.archived({each.path for each in held.values() if not each.archived} - there)
    return {"moved": moved, "left": len(there)}
