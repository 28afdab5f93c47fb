"""The modules `pyspark.pipelines` and `dlt` as pipeline source imports them during a run.

They exist only inside `bound_modules`; before and after, both names mean the real modules.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NoReturn

import pyspark
from pyspark.sql import DataFrame, SparkSession

from headwater.errors import DefinitionError, nearest
from headwater.graph.api import PipelineApi
from headwater.graph.arguments import fault
from headwater.graph.registry import Registry

FUNCTIONS = (
    "table",
    "materialized_view",
    "temporary_view",
    "view",
    "create_streaming_table",
    "append_flow",
    "expect",
    "expect_or_drop",
    "expect_or_fail",
    "expect_all",
    "expect_all_or_drop",
    "expect_all_or_fail",
    "create_auto_cdc_flow",
    "apply_changes",
    "create_auto_cdc_from_snapshot_flow",
    "apply_changes_from_snapshot",
    "read",
    "read_stream",
    "readStream",
    "create_sink",
    "foreach_batch_sink",
    "update_flow",
    "replace_flow",
    "on_event_hook",
)
"""Functions of both modules."""

DEPRECATED = {
    "create_table": "table",
    "create_view": "view",
    "create_streaming_live_table": "create_streaming_table",
    "create_target_table": "create_streaming_table",
}
"""Old names that still work, and what they mean."""

_OLD_ARGUMENTS = {"snapshot_and_version": "source"}
"""Old names of arguments, likewise; of `apply_changes_from_snapshot`."""


@contextmanager
def bound_modules(registry: Registry, spark: SparkSession | None = None) -> Iterator[None]:
    """Bind both module names to an API that fills `registry`; restore them at the end.

    Args:
        spark: the session that datasets are read in; the active one when not given.
    """
    api = PipelineApi(registry, spark)
    pipelines = _build("pyspark.pipelines", api)
    replaced = {"pyspark.pipelines": pipelines, "dlt": _build("dlt", api)}
    before = {name: sys.modules.get(name) for name in replaced}
    attribute = pyspark.__dict__.get("pipelines")
    sys.modules.update(replaced)
    setattr(pyspark, "pipelines", pipelines)  # noqa: B010 - not an attribute PySpark declares
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
        if attribute is None:
            delattr(pyspark, "pipelines")
        else:
            setattr(pyspark, "pipelines", attribute)  # noqa: B010


def _build(name: str, api: PipelineApi) -> ModuleType:
    module = ModuleType(name, "The pipeline API, bound for the length of an update.")
    for function in FUNCTIONS:
        owner = next(each for each in (api, api.flows, api.sinks) if hasattr(each, function))
        setattr(module, function, _checked(f"{name}.{function}", getattr(owner, function)))
    for old, new in DEPRECATED.items():
        setattr(module, old, _checked(f"{name}.{old}", getattr(api, new)))
    setattr(module, "DataFrame", DataFrame)  # noqa: B010 - for annotations: dlt imports it
    module.__all__ = [*FUNCTIONS, *DEPRECATED]  # type: ignore[attr-defined]
    module.__getattr__ = _unknown(name)  # type: ignore[method-assign]
    return module


def _checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a call with wrong arguments fail under the name by which it was made."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        named = {_OLD_ARGUMENTS.get(key, key): value for key, value in named.items()}
        try:
            signature.bind(*given, **named)
        except TypeError as error:
            unknown = next((key for key in named if key not in signature.parameters), "")
            raise fault(
                "ARGUMENT_INVALID",
                f"{name}() has no argument '{unknown}'" if unknown else f"{name}(): {error}",
                nearest(unknown, signature.parameters) or "docs/parity.md lists the arguments.",
                argument=unknown,
            ) from None
        return function(*given, **named)

    return call


def _unknown(module: str) -> Callable[[str], NoReturn]:
    def refuse(name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _UnknownName(module, name)

    return refuse


class _UnknownName(DefinitionError, AttributeError):
    """An attribute that the API doesn't have; `hasattr` on the module still works."""

    def __init__(self, module: str, name: str) -> None:
        made = fault(
            "API_UNKNOWN",
            f"{module} has no '{name}'",
            nearest(name, FUNCTIONS) or "See docs/parity.md for what is supported.",
            api=f"{module}.{name}",
        )
        super().__init__(
            made.code, made.message, where=made.where, hint=made.hint, **made.parameters
        )
