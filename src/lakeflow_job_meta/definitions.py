"""From the sources of a module to the definition of its job; pure, and the same every time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.errors import nearest
from headwater.tagged_jobs.settings import unknown_settings
from headwater.tagged_jobs.tags import TAG, TAG_HASH, TAG_TABLE, canonical_json, digest
from lakeflow_job_meta.errors import Fault
from lakeflow_job_meta.graph import dependencies, graph_faults
from lakeflow_job_meta.module_settings import module_config_faults
from lakeflow_job_meta.sources import Source
from lakeflow_job_meta.task_builders import (
    NESTED_FIELDS,
    as_text,
    build_task,
    nested_key,
    source_faults,
)
from lakeflow_job_meta.utils import split_table_name, task_key

MAX_TAGS = 22
"""Tags that a module may add; a job can have 25, and three are ours."""

MAX_TASKS = 1_000
"""Tasks that a job can have. Source: Databricks, resource limits of Lakeflow Jobs."""


@dataclass(frozen=True)
class SavedQuery:
    """The text of a `sql_query` task, which the Jobs API knows only as a saved query.

    Args:
        display_name: made from the job's key and the source, so that it is found again.
        parameters: names and default values.
    """

    source_id: str
    display_name: str
    query_text: str
    warehouse_id: str
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        """A digest of all of it: eight digits for the parameters, then those for the rest."""
        rest = {**vars(self), "parameters": None}
        return digest(repr(self.parameters), 8) + digest(canonical_json(rest))

    def has_parameters_of(self, other: str) -> bool:
        """Return whether what a digest was made of had the same parameters."""
        return self.digest[:8] == other[:8]


@dataclass(frozen=True)
class JobDefinition:
    """What a job should be.

    Args:
        key: names the job across crashes and renames; the value of the tag `lakeflow_job_meta`.
        settings: the job's settings in the form of the Jobs API 2.2; where a task runs a text of
            `queries`, `QUERY_ID_LATER` stands for its id.
        hash: a digest of `settings` and `queries`; equal hashes need no call of the API.
    """

    module_name: str
    key: str
    name: str
    settings: Mapping[str, Any]
    queries: tuple[SavedQuery, ...]
    hash: str


def job_key(control_table: str, module_name: str) -> str:
    """Name the job of a module: a digest, since a tag can't hold any text."""
    return digest("\0".join([*_table_parts(control_table), module_name]), 32)


def table_key(control_table: str) -> str:
    """Name a control table in a tag."""
    return digest("\0".join(_table_parts(control_table)), 32)


def _table_parts(control_table: str) -> list[str]:
    """Split a table's name, whose case means nothing."""
    return [part.lower() for part in split_table_name(control_table)]


def module_faults(sources: Sequence[Source]) -> list[Fault]:
    """Find everything that keeps the active sources of one module from becoming a job."""
    faults = [fault for source in sources for fault in source_faults(source)]
    faults += _settings_faults(sources)
    if faults:
        return faults
    faults = graph_faults(sources) + _compute_faults(sources) + _key_faults(sources)
    if len(sources) > MAX_TASKS:
        module = sources[0].module_name
        said = f"Module '{module}' has {len(sources)} tasks; a job can have {MAX_TASKS}"
        faults.append(sources[0].fault("TASKS_TOO_MANY", said, "Split the module."))
    return faults or _unknown_faults(sources)


def _key_faults(sources: Iterable[Source]) -> list[Fault]:
    """Find tasks of one key: that of a loop's nested task may be another source's."""
    seen: set[str] = set()
    faults = []
    for source in sources:
        keys = {task_key(source.source_id)}
        if source.transformation_config["task_type"] == "for_each":
            keys.add(nested_key(source.source_id))
        if keys & seen:
            said = f"The task key {min(keys & seen)} is another source's as well"
            faults.append(source.fault("TASK_KEY_DUPLICATE", said, "Rename one of the sources."))
        seen |= keys
    return faults


def _unknown_faults(sources: Sequence[Source]) -> list[Fault]:
    """Ask the SDK about settings with fields of their own; most modules have none."""
    has_any = any(
        source.module_config or NESTED_FIELDS & set(config)
        for source in sources
        for config in _configs(source)
    )
    if not has_any:
        return []
    settings = _settings(sources, "t", "")
    return [
        sources[_position(path)].fault(
            "SETTING_UNKNOWN",
            f"The Jobs API has no {path}",
            "Correct the setting, or install a newer databricks-sdk.",
        )
        for path in unknown_settings(settings)
    ]


def _position(path: str) -> int:
    """Return which task a path such as `tasks[3].health.x` is in; the first for the whole job."""
    found = re.match(r"tasks\[(\d+)\]", path)
    return int(found[1]) if found else 0


def _settings_faults(sources: Sequence[Source]) -> list[Fault]:
    given = [source for source in sources if source.module_config]
    if not given:
        return []
    for source in given:
        if source.module_config != given[0].module_config:
            return [
                source.fault(
                    "MODULE_CONFIG_CONFLICT",
                    f"module_config differs from that at {given[0].where}",
                    "Give all sources of a module the same module_config, or NULL.",
                )
            ]
    tags = given[0].module_config.get("tags") or {}
    faults = module_config_faults(given[0])
    if len(tags) > MAX_TAGS:
        said = f"module_config.tags has {len(tags)} tags; a job has room for {MAX_TAGS}"
        faults.append(given[0].fault("TAGS_TOO_MANY", said, "Leave some out."))
    return faults


def job_definition(
    sources: Sequence[Source], control_table: str, *, name_prefix: str = ""
) -> JobDefinition:
    """Define the job of a module.

    Args:
        sources: the active sources of one module, without faults (see `module_faults`).
        control_table: passed to notebooks, and part of the job's key.
        name_prefix: put before the module's name, to tell targets of one workspace apart.
    """
    sources = sorted(sources, key=lambda each: (each.execution_order or 0, each.source_id))
    module_name = sources[0].module_name
    key = job_key(control_table, module_name)
    queries = tuple(_saved_queries(sources, key))
    settings = _settings(sources, control_table, f"{name_prefix}{module_name}")
    content = canonical_json({**settings, "queries": [vars(query) for query in queries]})
    hash_ = digest(content, 32)
    ours = {TAG: key, TAG_HASH: hash_, TAG_TABLE: table_key(control_table)}
    settings["tags"] = {**settings["tags"], **ours}
    return JobDefinition(module_name, key, settings["name"], settings, queries, hash_)


def _settings(sources: Sequence[Source], control_table: str, name: str) -> dict[str, Any]:
    config = _module_config(sources)
    settings = {
        "max_concurrent_runs": 1,
        **config,
        "name": name,
        "tags": {name: as_text(value) for name, value in (config.get("tags") or {}).items()},
        "tasks": _tasks(sources, control_table),
    }
    for plural, key, spec in _COMPUTE:
        defined = {**_defined(sources, key, spec), **_listed(config, plural, key)}
        if defined:
            settings[plural] = list(defined.values())
    return settings


def _module_config(sources: Iterable[Source]) -> dict[str, Any]:
    given = next((source.module_config for source in sources if source.module_config), {})
    return {name: value for name, value in given.items() if value is not None}


def _tasks(sources: Sequence[Source], control_table: str) -> list[dict[str, Any]]:
    waits = dependencies(sources)
    tasks = []
    for source in sources:
        task = build_task(source, control_table)
        if waits[source.source_id]:
            task["depends_on"] = [
                {"task_key": task_key(each.source_id)}
                | ({"outcome": each.outcome} if each.outcome else {})
                for each in waits[source.source_id]
            ]
        tasks.append(task)
    return tasks


def _saved_queries(sources: Iterable[Source], key: str) -> Iterable[SavedQuery]:
    for source in sources:
        config = source.transformation_config
        if config["task_type"] == "for_each":
            config = config["task"]
        given = config.get("sql_task") or {}
        if config["task_type"] == "sql_query" and given.get("sql_query"):
            yield SavedQuery(
                source.source_id,
                f"lakeflow_job_meta {key[:12]} {task_key(source.source_id)}",
                given["sql_query"],
                given["warehouse_id"],
                tuple(
                    (name, as_text(value))
                    for name, value in (given.get("parameters") or {}).items()
                ),
            )


_COMPUTE = (
    ("environments", "environment_key", "environment"),
    ("job_clusters", "job_cluster_key", "new_cluster"),
)
"""Where a job lists its compute, by which key tasks name it, and the field that defines it."""

_SPEC_FIELD = {"environment": "spec", "new_cluster": "new_cluster"}


def _defined(sources: Iterable[Source], key: str, spec: str) -> dict[str, dict[str, Any]]:
    return {
        config[key]: {key: config[key], _SPEC_FIELD[spec]: config[spec]}
        for source in sources
        for config in _configs(source)
        if config.get(spec) is not None
    }


def _configs(source: Source) -> tuple[Mapping[str, Any], ...]:
    config = source.transformation_config
    nested = config.get("task") if config["task_type"] == "for_each" else None
    return (config, nested) if nested else (config,)


def _listed(config: Mapping[str, Any], plural: str, key: str) -> dict[str, dict[str, Any]]:
    listed = [each for each in config.get(plural) or () if isinstance(each, dict)]
    return {each[key]: each for each in listed if isinstance(each.get(key), str)}


def _listed_faults(source: Source, listed: Any, plural: str, key: str) -> list[Fault]:
    """Find entries of a module's list that have no key, or one that another has."""
    seen: dict[str, Any] = {}
    faults = []
    for number, each in enumerate(listed if isinstance(listed, list) else ()):
        name = each.get(key) if isinstance(each, dict) else None
        if not isinstance(name, str) or not name:
            said = f"{plural}[{number}] has no {key}"
            faults.append(source.fault("FIELD_MISSING", said, f"Add {key}: NAME."))
        elif seen.setdefault(name, each) != each:
            said = f"{key} '{name}' is defined in two ways"
            faults.append(source.fault("COMPUTE_CONFLICT", said, "Define it once."))
    return faults


def _compute_faults(sources: Sequence[Source]) -> list[Fault]:
    """Find keys of environments and clusters that are nowhere defined, or in two ways."""
    faults = []
    settings = _module_config(sources)
    for plural, key, spec in _COMPUTE:
        faults += _listed_faults(sources[0], settings.get(plural), plural, key)
        first: dict[str, Any] = {
            name: each.get(_SPEC_FIELD[spec])
            for name, each in _listed(settings, plural, key).items()
        }
        for source in sources:
            for config in _configs(source):
                if config.get(spec) is None:
                    continue
                if first.setdefault(config[key], config[spec]) != config[spec]:
                    said = f"{key} '{config[key]}' is defined in two ways"
                    faults.append(source.fault("COMPUTE_CONFLICT", said, "Define it once."))
        faults += [
            source.fault(
                "COMPUTE_UNKNOWN",
                f"{key} '{config[key]}' is not defined in module '{source.module_name}'",
                nearest(config[key], first) or f"Give this task {spec}, or the module {plural}.",
            )
            for source in sources
            for config in _configs(source)
            if config.get(key) is not None and config[key] not in first
        ]
    return faults
