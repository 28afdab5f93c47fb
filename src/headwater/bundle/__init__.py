"""Databricks bundles (`databricks.yml`) read as specs of pipelines, jobs, schemas and volumes.

`load_bundle` is the way in; everything else is frozen data. What does not live here: running a
pipeline or job, reading the environment, and creating schemas or volumes.
"""

from headwater.bundle.load import load_bundle
from headwater.bundle.spec import Bundle, JobSpec, PipelineSpec, SchemaSpec, VolumeSpec

__all__ = ["Bundle", "JobSpec", "PipelineSpec", "SchemaSpec", "VolumeSpec", "load_bundle"]
