"""Lakeflow Jobs from metadata: rows of a Delta table become jobs, and stay in step with them."""

from lakeflow_job_meta.metadata_manager import MetadataManager
from lakeflow_job_meta.monitor import MetadataMonitor
from lakeflow_job_meta.orchestrator import JobOrchestrator

__all__ = ["JobOrchestrator", "MetadataManager", "MetadataMonitor"]
