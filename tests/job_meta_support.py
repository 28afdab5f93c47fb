"""What tests of lakeflow_job_meta share: clients of the emulated workspace, sources."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config

needs_minilake = pytest.mark.skipif(
    not importlib.util.find_spec("minilake"), reason="minilake needs Python 3.11 or newer"
)


def client_of(host: str, http_timeout_seconds: float = 10) -> WorkspaceClient:
    """The real client, of the emulator or of a proxy before it."""
    token = "none"  # noqa: S105 - the emulator asks for none
    return WorkspaceClient(
        config=Config(host=host, token=token, http_timeout_seconds=http_timeout_seconds)
    )


def yaml_of(*modules: tuple[str, list[dict[str, Any]]]) -> str:
    """Write modules as a YAML file; JSON is YAML."""
    listed = [{"module_name": name, "sources": sources} for name, sources in modules]
    return json.dumps({"modules": listed})


def notebook(source_id: str, order: int = 1, **config: Any) -> dict[str, Any]:
    """A source that runs a notebook."""
    return {
        "source_id": source_id,
        "source_type": "notebook",
        "execution_order": order,
        "transformation_config": {
            "task_type": "notebook",
            "notebook_path": f"/Workspace/{source_id}",
            **config,
        },
    }


def sql_query(source_id: str, text: str, order: int = 1) -> dict[str, Any]:
    """A source that runs a text of SQL."""
    return {
        "source_id": source_id,
        "source_type": "sql",
        "execution_order": order,
        "transformation_config": {
            "task_type": "sql_query",
            "sql_task": {"warehouse_id": "w1", "sql_query": text},
        },
    }
