"""Settings of Spark that a flow asks for: its own, and those of the views that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from headwater.errors import DefinitionError
from headwater.graph.model import Flow, FlowKind
from headwater.machine.session import activate, session_with
from headwater.sandbox.failures import explained
from headwater.sandbox.interception import redirected


@contextmanager
def flow_session(spark: SparkSession, flow: Flow) -> Iterator[None]:
    """Evaluate in a session with the settings of a flow, or in `spark` itself if it has none.

    What a query reads is evaluated inside of it, and is not to get its settings.

    Raises:
        DefinitionError: SPARK_CONF_INVALID.
    """
    if not flow.spark_conf:
        with redirected(spark, spark):
            yield
        return
    try:
        session = session_with(spark, flow.spark_conf)
    except (PySparkException, Py4JError) as error:
        raise DefinitionError(
            "SPARK_CONF_INVALID",
            f"The settings of flow '{flow.name}' can't be used: {explained(error)}",
            where=flow.location,
            hint="Correct the value, or remove it: settings of a cluster can't be set for a query.",
            flow=flow.name,
        ) from error
    try:
        with redirected(spark, session):
            yield
    finally:
        activate(spark)


def with_settings_of(flow: Flow, inputs: Iterable[Flow]) -> dict[str, str]:
    """Return the settings of a flow over those of the views among its inputs.

    A view is computed as part of what reads it, in one session.

    Raises:
        DefinitionError: SPARK_CONF_CONFLICT: two views want different values, and the flow does not
            say which.
    """
    settings: dict[str, str] = {}
    owners: dict[str, Flow] = {}
    for view in inputs:
        if view.kind is not FlowKind.VIEW:
            continue
        for key, value in view.spark_conf.items():
            if key in flow.spark_conf:
                continue
            if settings.setdefault(key, value) != value:
                raise DefinitionError(
                    "SPARK_CONF_CONFLICT",
                    f"Flow '{flow.name}' reads the views '{owners[key].target}' and "
                    f"'{view.target}', which set '{key}' to different values",
                    where=flow.location,
                    hint="Set it in the spark_conf of the flow, or make one of them a table.",
                    flow=flow.name,
                )
            owners.setdefault(key, view)
    return settings | dict(flow.spark_conf)
