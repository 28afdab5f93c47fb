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

CHECK_INTERVAL_SECONDS = 60
MAX_YAML_BYTES = 10_000_000
