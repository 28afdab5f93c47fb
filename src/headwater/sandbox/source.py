"""Load a pipeline's source into a session: paths, configuration, modules, globals."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from headwater.bundle import Bundle, PipelineSpec
from headwater.errors import DefinitionError, UsageError
from headwater.graph.arguments import fault
from headwater.graph.brokers import BrokerUse
from headwater.graph.dependencies import import_paths
from headwater.graph.loader import load_files
from headwater.graph.modules import bound_modules
from headwater.graph.registry import Registry
from headwater.lint.files import check_files
from headwater.lint.source import NO_CONTEXT
from headwater.machine.session import settings_of
from headwater.sandbox.connectors import read_text
from headwater.sandbox.dbutils import DBUtils
from headwater.sandbox.failures import explained
from headwater.sandbox.interception import intercepted
from headwater.sandbox.outside import Outside
from headwater.sandbox.patches import patched_pyspark
from headwater.sandbox.runtime_names import bound_runtime
from headwater.sql.parse import used_namespace
from headwater.state.store import Store
from headwater.state.target import Target

_NOTHING = "SELECT 1 WHERE false"
"""Runs in place of a statement that only says how names are completed."""

_NOT_NOW = ("CANNOT_MODIFY_CONFIG", "CANNOT_MODIFY_STATIC_CONFIG")


@contextmanager
def load_source(
    spark: SparkSession, bundle: Bundle, spec: PipelineSpec, store: Store
) -> Iterator[Registry]:
    """Load the source files and keep the run's bindings until the `with` block ends.

    Faults of the files are in the registry, not raised.

    Raises:
        UsageError: a dependency is missing.
    """
    Target(bundle, store).make_volumes()
    registry = Registry(spec.catalog, spec.schema)
    dependencies = [_from_root(line, bundle.root) for line in spec.dependencies]
    dbutils = DBUtils(store, spec.configuration, bundle.root)
    namespace = {
        "spark": spark,
        "dbutils": dbutils,
        "display": display,
        "displayHTML": display,
        "sql": lambda *given, **named: spark.sql(*given, **named),  # as it is by then
        "table": lambda name: spark.table(name),
        "udf": F.udf,
        "getArgument": dbutils.widgets.getArgument,
        "sc": NoContext(),
        "sqlContext": NoContext(),
    }
    with (
        import_paths(spec.root_path, spec.source_files, dependencies) as paths,
        _python_workers(spark, paths),
        _configured(spark, {**_own_settings(bundle, spec), **spec.configuration}),
        patched_pyspark(),
        bound_modules(registry, spark),
        bound_runtime(namespace),
        _temporary_views(spark),
    ):
        registry.folders = paths
        with intercepted(_LoadTime(spark, lambda: store, registry=registry)):
            load_files(spec.source_files, registry, namespace, explained, spec.parameters)
        registry.share_deletes()
        registry.warnings.extend(_warnings(spec.source_files, paths))
        yield registry


def _warnings(files: Sequence[Path], paths: Sequence[str]) -> list[DefinitionError]:
    folders = [*map(Path, paths), *(file.parent for file in files)]
    return [each.as_error() for each in check_files(files, folders, read_text)]


class NoContext:
    """Stands for `sc` and `sqlContext`, which a pipeline in a workspace can't count on."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise fault(*NO_CONTEXT)


def display(*_: Any, **__: Any) -> None:
    """Stand in for a notebook's `display`: an update shows nothing."""


def _from_root(line: str, root: Path) -> str:
    """Anchor the relative path of a dependency line at the bundle's folder."""
    flag, _, path = line.strip().rpartition(" ")
    local = path.endswith(".whl") or path.startswith(".") or flag in ("-e", "--editable")
    if local and not Path(path).is_absolute():
        return f"{flag} {(root / path).resolve()}".strip()
    return line


def _own_settings(bundle: Bundle, spec: PipelineSpec) -> dict[str, str]:
    """Return the settings that a workspace adds to a pipeline's configuration."""
    return {
        "pipelines.id": bundle.pipeline_id(spec),
        "pipelines.catalog": spec.catalog,
        "pipelines.schema": spec.schema,
        "pipelines.target": spec.schema,
    }


@contextmanager
def _configured(spark: SparkSession, configuration: Mapping[str, str]) -> Iterator[None]:
    """Make `spark.conf.get` see the pipeline's configuration; put back what was there before.

    What the source itself sets is undone as well, or it would reach the next update. Settings of a
    cluster, such as `spark.executor.memory`, can't change in a running session: they have no effect
    here.
    """
    before = settings_of(spark)
    try:
        for key, value in configuration.items():
            try:
                spark.conf.set(key, value)
            except PySparkException as error:
                if (error.getCondition() or "").startswith(_NOT_NOW):
                    continue
                raise UsageError(
                    "CONFIGURATION_INVALID",
                    f"Spark rejects the value of '{key}' in the configuration",
                    hint="Correct it under `configuration` of the pipeline.",
                    key=key,
                ) from None
        yield
    finally:
        after = settings_of(spark)
        for key in after.keys() - before.keys():
            spark.conf.unset(key)
        for key, earlier in before.items():
            if after.get(key) != earlier:
                spark.conf.set(key, earlier)


@contextmanager
def _temporary_views(spark: SparkSession) -> Iterator[None]:
    """Drop the temporary views that the source makes while it is loaded."""
    catalog = spark._jsparkSession.sessionState().catalog()

    def names() -> set[str]:
        found = catalog.listLocalTempViews("*")
        return {str(found.apply(at).table()) for at in range(found.size())}

    before = names()
    is_interrupted = False
    try:
        yield
    except KeyboardInterrupt:
        is_interrupted = True  # the JVM may be gone
        raise
    finally:
        for name in () if is_interrupted else names() - before:
            spark.catalog.dropTempView(name)


@contextmanager
def _python_workers(spark: SparkSession, paths: list[str]) -> Iterator[None]:
    """Let the workers of Python UDFs import what the pipeline's source imports."""
    environment = spark.sparkContext.environment
    before = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join([*paths, *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            environment.pop("PYTHONPATH", None)
        else:
            environment["PYTHONPATH"] = before


@dataclass(frozen=True)
class _LoadTime(Outside):
    """Answers a file that is loaded, in which USE completes the names behind it."""

    when: str = "while the file was loaded"
    registry: Registry = field(kw_only=True)

    def read_sql(self, spark: SparkSession, text: str, args: Any = None) -> str | DataFrame:
        del spark, args
        used = used_namespace(text)
        if used is None:
            return text
        self.registry.use(used.catalog, used.schema)
        return _NOTHING

    def note(self, brokers: list[BrokerUse]) -> None:
        self.registry.brokers.extend(brokers)
