"""The tags by which jobs are found again, and the digests that are their values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

TAG = "lakeflow_job_meta"
"""The tag of every job that we made; its value is the job's key, whatever the job is called."""

TAG_HASH = "lakeflow_job_meta_hash"
"""The tag with the hash of the definition that was deployed."""

TAG_TABLE = "lakeflow_job_meta_table"
"""The tag with a digest of what defines the job (a control table, a bundle's target), by which
jobs are found whose definition is gone."""


def digest(text: str, length: int = 16) -> str:
    """Return the first `length` hexadecimal digits of SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def canonical_json(value: Mapping[str, Any] | None) -> str:
    """Write a mapping as JSON whose text is the same for equal values."""
    return json.dumps(value or {}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
