"""Load slow modules when they are first used: `headwater --help` must not wait for PySpark."""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """A module that is imported when one of its names is first looked up.

    Example:
        >>> tables = LazyModule("headwater.cli.tables")
        >>> tables.show_table(target, "events", 20, as_json=False)
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._name), name)
