"""Databricks bundles (`databricks.yml`) read as specs of pipelines, schemas and volumes.

`load_bundle` is the way in; everything else is frozen data. What does not live here: running a
pipeline, reading the environment, and creating schemas or volumes.
"""

from headwater.bundle.load import load_bundle
from headwater.bundle.spec import Bundle, PipelineSpec, SchemaSpec, VolumeSpec

__all__ = ["Bundle", "PipelineSpec", "SchemaSpec", "VolumeSpec", "load_bundle"]
