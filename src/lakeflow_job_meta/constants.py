"""Names that several modules share: columns, tags, defaults."""

from __future__ import annotations

SOURCE_COLUMNS = (
    "source_id",
    "module_name",
    "source_type",
    "execution_order",
    "source_config",
    "target_config",
    "transformation_config",
    "is_active",
)
"""The columns of a control table that describe a source, in the order of the table."""

JSON_COLUMNS = ("source_config", "target_config", "transformation_config", "module_config")
MODULE_COLUMN = "module_config"
"""Settings of the job as a whole, as JSON; the same in all rows of a module, or NULL."""

AUDIT_COLUMNS = ("created_at", "updated_at", "updated_by", "content_hash")
JOBS_SUFFIX = "_jobs"

TAG = "lakeflow_job_meta"
"""The tag of every job that this library made; its value is the job's key (see `job_key`)."""

TAG_HASH = "lakeflow_job_meta_hash"
"""The tag with the hash of the definition that was deployed."""

TAG_TABLE = "lakeflow_job_meta_table"
"""The tag with a digest of the control table's name, by which orphaned jobs are found."""

CHECK_INTERVAL_SECONDS = 60
MAX_YAML_BYTES = 10_000_000
