"""`databricks.sdk.runtime` and names of PySpark 3, as user code imports them while it runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from pyspark.sql import functions

_RUNTIME = "databricks.sdk.runtime"
_LEFT_OUT = (
    "approxCountDistinct",
    "bitwiseNOT",
    "countDistinct",
    "shiftLeft",
    "shiftRight",
    "shiftRightUnsigned",
    "sumDistinct",
    "toDegrees",
    "toRadians",
)
"""Functions that PySpark 4 has but no longer exports with `import *`."""


@contextmanager
def bound_runtime(names: Mapping[str, Any]) -> Iterator[None]:
    """Bind `databricks.sdk.runtime`, from which modules import `spark` and `dbutils`.

    Args:
        names: what it has, and `import *` brings.
    """
    module = ModuleType(_RUNTIME, "The names of a notebook, bound while user code runs.")
    module.__dict__.update({**names, "__all__": list(names)})
    before = sys.modules.get(_RUNTIME)
    sys.modules[_RUNTIME] = module
    with _names_of_pyspark_3():
        try:
            yield
        finally:
            if before is None:
                del sys.modules[_RUNTIME]
            else:
                sys.modules[_RUNTIME] = before


@contextmanager
def _names_of_pyspark_3() -> Iterator[None]:
    """Let `from pyspark.sql.functions import *` import what it did before PySpark 4."""
    exported = functions.__all__
    functions.__all__ = [*exported, *(name for name in _LEFT_OUT if name not in exported)]
    try:
        yield
    finally:
        functions.__all__ = exported
