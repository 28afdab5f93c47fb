"""What a bundle says, as frozen dataclasses: the only thing other packages see of it.

What does not live here: how the YAML becomes these (`build`), and anything that runs them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from headwater.errors import BundleError, Location, nearest


@dataclass(frozen=True)
class PipelineSpec:
    """One pipeline of one target, with every reference resolved.

    Args:
        key: its key under `resources.pipelines`.
        name: its full name, with the target's prefix.
        catalog: default catalog of its tables.
        schema: default schema of its tables.
        source_files: absolute paths in the order of `libraries`, globs sorted, each once.
        root_path: the folder that goes on `sys.path`, if the bundle names one.
        configuration: values as text, as `spark.conf.get` gives them.
        parameters: values of `:name` in SQL, as text.
        dependencies: pip requirement lines of `environment.dependencies`.
        continuous: whether it runs until it is stopped.
        development: whether it runs in development mode.
        no_effect: accepted fields that change nothing outside a workspace, in the file's order.
        location: where it is defined first.
    """

    key: str
    name: str
    catalog: str
    schema: str
    source_files: tuple[Path, ...]
    root_path: Path | None
    configuration: Mapping[str, str]
    parameters: Mapping[str, str]
    dependencies: tuple[str, ...]
    continuous: bool
    development: bool
    no_effect: tuple[str, ...]
    location: Location


@dataclass(frozen=True)
class JobSpec:
    """One job of one target, as far as a local run reads it, with every reference resolved.

    Args:
        key: its key under `resources.jobs`.
        name: its full name, with the target's prefix.
        id: what stands for its id in a workspace.
        settings: as `jobs/create` of the Jobs API takes them; paths are relative to the bundle.
        places: where its tasks are defined, by task key.
        location: where it is defined first.
    """

    key: str
    name: str
    id: str
    settings: Mapping[str, Any]
    places: Mapping[str, str]
    location: Location


Spec = TypeVar("Spec", PipelineSpec, JobSpec)


@dataclass(frozen=True)
class SchemaSpec:
    """A schema resource; `name` has the target's prefix."""

    key: str
    catalog: str
    name: str
    location: Location


@dataclass(frozen=True)
class VolumeSpec:
    """A volume resource; `volume_type` is MANAGED or EXTERNAL."""

    key: str
    catalog: str
    schema: str
    name: str
    volume_type: str
    location: Location

    @property
    def path(self) -> str:
        """The path that readers use: `/Volumes/<catalog>/<schema>/<name>`."""
        return f"/Volumes/{self.catalog}/{self.schema}/{self.name}"


@dataclass(frozen=True)
class Bundle:
    """A bundle as one target sees it.

    Args:
        name: `bundle.name`.
        root: the folder of `databricks.yml`.
        target: name of the chosen target.
        mode: "development", "production" or None.
        variables: values by name; those that only a workspace can tell are absent.
        workspace: resolved `workspace` settings, `file_path` being the local root.
        pipelines: by key.
        schemas: by key.
        volumes: by key.
        refused: pipelines that can't run outside a workspace, with the reason, by key.
        jobs: by key.
        refused_jobs: jobs with a fault, or that rest on what only a workspace knows, by key.
        warnings: keys that nothing knows, in the order of the files; they change nothing.
    """

    name: str
    root: Path
    target: str
    mode: str | None
    variables: Mapping[str, object]
    workspace: Mapping[str, object]
    pipelines: Mapping[str, PipelineSpec]
    schemas: Mapping[str, SchemaSpec]
    volumes: Mapping[str, VolumeSpec]
    refused: Mapping[str, BundleError] = field(default_factory=dict)
    jobs: Mapping[str, JobSpec] = field(default_factory=dict)
    refused_jobs: Mapping[str, BundleError] = field(default_factory=dict)
    warnings: tuple[BundleError, ...] = ()

    def pipeline_id(self, spec: PipelineSpec) -> str:
        """Return a pipeline's id: the same on every machine for a bundle, target and key."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{self.target}/{spec.key}"))

    def pipeline(self, key: str | None = None) -> PipelineSpec:
        """Return the pipeline with this key or full name; without a key the only one.

        Raises:
            BundleError: PIPELINE_UNKNOWN, PIPELINE_MISSING when no key is given and there is
                not exactly one pipeline, PIPELINE_UNSUPPORTED for one of `refused`.

        Example:
            >>> load_bundle(Path(".")).pipeline("patient_flow").schema
            'dev_alice_patient'
        """
        if key is None:
            return self._only_pipeline()
        return _named(key, "pipeline", self.pipelines, self.refused, self.name)

    def job(self, key: str | None = None) -> JobSpec:
        """Return the job with this key or full name; without a key the only one.

        Raises:
            BundleError: JOB_UNKNOWN, JOB_MISSING when no key is given and there is not exactly one
                job, or what is wrong with one of `refused_jobs`.
        """
        if key is None:
            return self._only_job()
        return _named(key, "job", self.jobs, self.refused_jobs, self.name)

    def _only_pipeline(self) -> PipelineSpec:
        if len(self.pipelines) == 1:
            return next(iter(self.pipelines.values()))
        known = sorted(self.pipelines)
        if not known and len(self.refused) == 1:
            raise next(iter(self.refused.values()))
        raise BundleError(
            "PIPELINE_MISSING",
            f"bundle '{self.name}' has {len(known) or 'no'} pipelines that run here",
            hint=f"Name one of: {', '.join(known)}."
            if known
            else "Define one under 'resources.pipelines' and check that 'include:' reads its file.",
            known=tuple(known),
        )

    def _only_job(self) -> JobSpec:
        known = sorted({*self.jobs, *self.refused_jobs})
        if len(known) == 1:
            return self.job(known[0])
        raise BundleError(
            "JOB_MISSING",
            f"bundle '{self.name}' has {len(known) or 'no'} jobs",
            hint=f"Name one of: {', '.join(known)}."
            if known
            else "Define one under 'resources.jobs' and check that 'include:' reads its file.",
            known=tuple(known),
        )


def _named(
    key: str, kind: str, specs: Mapping[str, Spec], refused: Mapping[str, BundleError], bundle: str
) -> Spec:
    """Return the resource with a key or full name."""
    if key in refused:
        raise refused[key]
    if key in specs:
        return specs[key]
    for spec in specs.values():
        if key == spec.name:
            return spec
    known = sorted({*specs, *refused})
    raise BundleError(
        f"{kind.upper()}_UNKNOWN",
        f"no {kind} '{key}' in bundle '{bundle}'",
        hint=nearest(key, known) or f"Its {kind}s: {', '.join(known) or 'none'}.",
        key=key,
        known=tuple(known),
    )
