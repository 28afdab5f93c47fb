"""The settings of a bundle's jobs in the types that the Jobs API has for each field."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.bundle.job_settings import job_settings
from headwater.bundle.load import TargetTree
from headwater.bundle.shapes import as_shaped
from headwater.bundle_check.job_fields import JOB
from headwater.yaml_nodes import Node


def shaped_jobs(seen: TargetTree) -> Mapping[str, Node]:
    """Return the settings of all jobs, by the job's key; the API refuses numbers for texts.

    Raises:
        BundleError: as `job_settings`.
    """
    return {key: as_shaped(job, JOB) for key, job in job_settings(seen).items()}
