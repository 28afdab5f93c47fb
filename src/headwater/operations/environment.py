"""The volume `admin_configs` of a workspace: what it lacks, and putting it there.

What differs is told by size, then by sha256 of what is there. Files of older versions stay: a run
may use them. What does not live here: the files themselves (`environment_files`).
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import VolumeType

from headwater.bundle.job_settings import ENVIRONMENT_VOLUME
from headwater.bundle.spec import VolumeSpec
from headwater.errors import DeploymentError, HeadwaterError, UsageError, WorkspaceError
from headwater.operations.environment_files import EnvironmentFile
from headwater.operations.workspace import ask
from headwater.state.target import Target

_RESULTS = {"create": "created", "upload": "uploaded", "replace": "replaced"}


@dataclass(frozen=True)
class EnvironmentStep:
    """The volume or one of its files: create, upload, replace or nothing.

    Args:
        path: in the workspace.
        file: what is to be there; None for the volume.
    """

    path: str
    action: str
    file: EnvironmentFile | None = None


@dataclass(frozen=True)
class EnvironmentOutcome:
    """What became of a step: created, uploaded, replaced, unchanged, failed or not done."""

    step: EnvironmentStep
    result: str
    error: HeadwaterError | None = None


def environment_volume(target: Target) -> VolumeSpec:
    """Return the bundle's volume for environments.

    Raises:
        UsageError: VOLUME_MISSING.
    """
    volume = target.bundle.volumes.get(ENVIRONMENT_VOLUME)
    if volume is None:
        raise UsageError(
            "VOLUME_MISSING",
            f"The bundle has no volume '{ENVIRONMENT_VOLUME}'",
            hint=f"Add resources.volumes.{ENVIRONMENT_VOLUME}, with its catalog and schema.",
        )
    return volume


def plan_environment(
    client: WorkspaceClient, volume: VolumeSpec, files: Sequence[EnvironmentFile]
) -> list[EnvironmentStep]:
    """Compare the volume with what should be in it; reads only.

    Raises:
        DeploymentError: SCHEMA_MISSING.
        SettingError, WorkspaceError: as `workspace.ask`.
    """
    name = f"{volume.catalog}.{volume.schema}.{volume.name}"
    is_there = _is_there(partial(client.volumes.read, name))
    if not is_there and not _is_there(
        partial(client.schemas.get, f"{volume.catalog}.{volume.schema}")
    ):
        raise DeploymentError(
            "SCHEMA_MISSING",
            f"The workspace has no schema '{volume.catalog}.{volume.schema}' that you may see",
            hint=f"Make it: CREATE SCHEMA {volume.catalog}.{volume.schema}",
        )
    steps = [EnvironmentStep(volume.path, "nothing" if is_there else "create")]
    for file in files:
        path = f"{volume.path}/{file.name}"
        action = _action(client, path, file) if is_there else "upload"
        steps.append(EnvironmentStep(path, action, file))
    return steps


def _is_there(call: Callable[[], object]) -> bool:
    try:
        ask(call)
    except WorkspaceError as error:
        if error.code != "NOT_FOUND":
            raise
        return False
    return True


def _action(client: WorkspaceClient, path: str, file: EnvironmentFile) -> str:
    try:
        told = ask(partial(client.files.get_metadata, path))
    except WorkspaceError as error:
        if error.code != "NOT_FOUND":
            raise
        return "upload"
    if told.content_length is not None and told.content_length != len(file.content):
        return "replace"
    there = ask(lambda: _sha256(client, path))
    return "nothing" if there == file.sha256 else "replace"


def _sha256(client: WorkspaceClient, path: str) -> str:
    contents = client.files.download(path).contents
    return hashlib.sha256(contents.read() if contents else b"").hexdigest()


def apply_environment(
    client: WorkspaceClient, volume: VolumeSpec, steps: Sequence[EnvironmentStep]
) -> Iterator[EnvironmentOutcome]:
    """Do the steps in order; after one that failed, the others are not done.

    Safe to run twice and to be killed: a file is replaced whole, the requirements come after the
    wheels that they name, and the next run does what is left.
    """
    stopped: HeadwaterError | None = None
    for step in steps:
        if step.action == "nothing":
            yield EnvironmentOutcome(step, "unchanged")
        elif stopped:
            yield EnvironmentOutcome(step, "not done", stopped)
        else:
            try:
                ask(partial(_write, client, volume, step))
                yield EnvironmentOutcome(step, _RESULTS[step.action])
            except HeadwaterError as error:
                stopped = _of_writing(error, step)
                yield EnvironmentOutcome(step, "failed", stopped)


def _write(client: WorkspaceClient, volume: VolumeSpec, step: EnvironmentStep) -> None:
    if step.file is None:
        kind = VolumeType.MANAGED
        client.volumes.create(volume.catalog, volume.schema, volume.name, kind)
    else:
        client.files.upload(step.path, io.BytesIO(step.file.content), overwrite=True)


def _of_writing(error: HeadwaterError, step: EnvironmentStep) -> HeadwaterError:
    """Return the error of a call that writes: `ask` speaks of reading."""
    if error.code != "PERMISSION_DENIED":
        return error
    return WorkspaceError(
        error.code,
        f"The workspace does not allow you to write {step.path}",
        hint="Ask for CREATE VOLUME on the schema, or WRITE VOLUME on the volume.",
    )
