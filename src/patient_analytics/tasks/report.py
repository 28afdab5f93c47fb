"""Keep a page on how many rows broke which rule, against the update before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.operations.quality_report import as_html, quality_report
from headwater.quality.session import updates_in_session
from headwater.tasks.files import save
from patient_analytics.tasks.gate import PIPELINE
from patient_analytics.tasks.parameters import REPORTS, RUN, TABLE, TARGET

PARAMETERS = (REPORTS, TABLE, RUN, TARGET)


def write_report(spark: Any, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Write the page of a run; the same run writes it again. It holds names and counts alone.

    Raises:
        UsageError: UPDATE_MISSING.
    """
    updates = updates_in_session(spark, parameters["table"])
    report = quality_report(PIPELINE, parameters["target"], updates)
    save(as_html(report).encode(), f"{parameters['reports_path']}/{parameters['run_id']}.html")
    return {"rules": len(report.results), "compared": report.baseline is not None}
