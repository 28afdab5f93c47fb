"""The functions of the pipeline API that add a flow to a table or sink which is defined elsewhere.

Source: `append_flow`, `update_flow` and `replace_flow` in the Lakeflow Python reference, pages of
2026. What does not live here: flows of AUTO CDC, which have no function of their own (`api`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.graph import arguments as given
from headwater.graph.locations import function_location
from headwater.graph.model import Flow
from headwater.graph.registry import Registry

Function = Callable[..., Any]


class FlowApi:
    """The API of one load; every public method is a function of the bound modules."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def append_flow(
        self,
        query_function: Function | None = None,
        *,
        target: str,
        name: str | None = None,
        once: bool = False,
        depends_on: str | list[str] | None = None,
        spark_conf: dict[str, str] | None = None,
        comment: str | None = None,
        import_checkpoint: Any = None,
    ) -> Any:
        """Define a query whose rows are appended to an existing streaming table."""
        if import_checkpoint is not None:
            raise given.not_built("The argument 'import_checkpoint'")
        way = {
            "once": bool(once),
            "depends_on": tuple(
                given.dataset_name(self._registry, each, "depends_on")
                for each in given.names(depends_on, "depends_on")
            ),
        }
        return self._declare(query_function, target, name, comment, spark_conf, way)

    def update_flow(
        self,
        query_function: Function | None = None,
        *,
        target: str,
        name: str | None = None,
        spark_conf: dict[str, str] | None = None,
        comment: str | None = None,
    ) -> Any:
        """Define a query whose changed rows are sent to a sink by each micro-batch."""
        way = {"updates": True}
        return self._declare(query_function, target, name, comment, spark_conf, way)

    def replace_flow(
        self,
        query_function: Function | None = None,
        *,
        target: str,
        replace_using: list[str],
        sequence_by: Any,
        name: str | None = None,
        comment: str | None = None,
        spark_conf: dict[str, str] | None = None,
    ) -> Any:
        """Define a stream of partial snapshots: newer rows of a key replace all rows of the key."""
        way = {"replaces": given.replacing(replace_using, sequence_by)}
        return self._declare(query_function, target, name, comment, spark_conf, way)

    def _declare(
        self,
        function: Function | None,
        target: str,
        name: str | None,
        comment: str | None,
        spark_conf: dict[str, str] | None,
        way: dict[str, Any],
    ) -> Any:
        if function is None:
            return lambda actual: self._declare(actual, target, name, comment, spark_conf, way)
        if self._registry.has_rules(function):
            self._registry.claim_rules(function)
            raise given.fault(
                "EXPECTATION_ON_FLOW",
                f"The flow '{function.__name__}' has expectations of its own",
                "Put them on the target: create_streaming_table(..., expect_all={...}).",
            )
        self._registry.add_flow(
            Flow(
                given.text(name or function.__name__, "name"),
                given.dataset_name(self._registry, target, "target"),
                function,
                function_location(function),
                comment=given.comment_text(comment),
                spark_conf=given.text_map(spark_conf, "spark_conf"),
                **way,
            )
        )
        return function
