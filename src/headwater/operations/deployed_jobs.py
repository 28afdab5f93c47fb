"""What would be done to bring the jobs of a workspace in step with a bundle; reads only.

A job is known by its tag, whatever it is called, and one whose tag has the hash of its settings is
in step (docs/decisions/0009). What does not live here: doing it (`job_deployment`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.jobs import JobSettings

from headwater.bundle.differences import differences
from headwater.bundle.load import TargetTree
from headwater.bundle.secrets import masked
from headwater.errors import BundleError, HeadwaterError, Location, SettingError, WorkspaceError
from headwater.operations.job_references import JOB_ID, References, filled_in, jobs_referred_to
from headwater.operations.shaped_jobs import shaped_jobs
from headwater.operations.workspace import OF_ONE_OBJECT, ask
from headwater.tagged_jobs.api import DeployedJob, JobsApi
from headwater.tagged_jobs.found import Deployed, find_job
from headwater.tagged_jobs.settings import checked_settings
from headwater.tagged_jobs.tags import TAG, TAG_HASH, TAG_TABLE, canonical_json, digest
from headwater.yaml_nodes import Node, as_node

_DEFAULTS = {
    "format": "MULTI_TASK",
    "max_concurrent_runs": 1,
    "pause_status": "UNPAUSED",
    "run_if": "ALL_SUCCESS",
    "source": "WORKSPACE",
}
"""What the Jobs API answers for settings that nobody gave; by the last word of a path."""


@dataclass(frozen=True)
class Change:
    """One setting: `before` is what the job has, `after` what it will have; None for nothing."""

    path: str
    before: object
    after: object


@dataclass(frozen=True)
class JobStep:
    """One job of the bundle, or one that is no longer in it.

    Args:
        key: the job's key in the bundle.
        action: create, change, nothing, refused, or left for one that is no longer in the bundle.
        settings: what it will be, tags aside; ids of jobs that are not made yet are references.
        needs: keys of the jobs whose ids are in its settings.
        error: why it is refused.
    """

    key: str
    name: str
    action: str
    tag: str = ""
    job_id: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    needs: tuple[str, ...] = ()
    error: HeadwaterError | None = None


def plan_jobs(
    client: WorkspaceClient, api: JobsApi, seen: TargetTree, files: str | None = None
) -> list[JobStep]:
    """Compare the jobs of a bundle with those of a workspace, in an order to make them in.

    Args:
        files: the folder of the workspace with the bundle's files.

    Raises:
        BundleError: of the bundle; JOB_CYCLE.
        SettingError, WorkspaceError: of the workspace as a whole; what is wrong with one job is in
            its step.
    """
    plain = {key: _as_map(node) for key, node in shaped_jobs(seen).items()}
    deployed = Deployed(ask(api.list_jobs))
    planning = _Planning(client, seen, deployed, References(client, seen, files))
    for key in in_order(plain):
        planning.add(key, plain[key])
    return [*planning.steps, *planning.left()]


def _as_map(node: Node) -> dict[str, Any]:
    return {key: each.plain() for key, each in node.entries.items()}


def in_order(jobs: Mapping[str, Any]) -> list[str]:
    """Return the keys of jobs, each after those that it starts.

    Raises:
        BundleError: JOB_CYCLE.
    """
    done: dict[str, None] = {}

    def visit(key: str, on_the_way: tuple[str, ...]) -> None:
        if key in on_the_way:
            path = " -> ".join([*on_the_way[on_the_way.index(key) :], key])
            raise BundleError(
                "JOB_CYCLE", f"Jobs start each other: {path}", hint="Take one run_job_task out."
            )
        if key in jobs and key not in done:
            for each in jobs_referred_to(jobs[key]):
                visit(each, (*on_the_way, key))
            done[key] = None

    for key in jobs:
        visit(key, ())
    return list(done)


def tagged(settings: Mapping[str, Any], tag: str, group: str) -> dict[str, Any]:
    """Return settings with our three tags, of which one is the hash of all the rest."""
    ours = {TAG: tag, TAG_HASH: settings_hash(settings), TAG_TABLE: group}
    return {**settings, "tags": {**(settings.get("tags") or {}), **ours}}


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Return the hash of settings without our tags."""
    return digest(canonical_json(settings), 32)


def group_of(seen: TargetTree) -> str:
    """Return the tag of all jobs of a target; of a user's own where it is in development mode."""
    parts = [(seen.named.get("bundle", name)) for name in ("name", "target", "mode")]
    named = [each.text if each else "" for each in parts]
    if named[2] == "development":
        user = seen.named.get("workspace", "current_user", "short_name")
        named.append(user.text if user else "")
    return digest("\0".join(["bundle", *named]), 32)


class _Planning:
    """Plans job by job; jobs come after those that they start."""

    def __init__(
        self,
        client: WorkspaceClient,
        seen: TargetTree,
        deployed: Deployed,
        references: References,
    ) -> None:
        self._client = client
        self._group = group_of(seen)
        self._deployed = deployed
        self._references = references
        self.steps: list[JobStep] = []
        self._tags: set[str] = set()

    def add(self, key: str, settings: Mapping[str, Any]) -> None:
        tag = digest(f"{self._group}\0{key}", 32)
        self._tags.add(tag)
        name = str(settings["name"])
        step = JobStep(key, name, "create", tag, needs=tuple(jobs_referred_to(settings)))
        try:
            self.steps.append(self._step(step, settings))
        except HeadwaterError as error:
            if not is_of_one_object(error):
                raise
            self.steps.append(replace(step, action="refused", error=error))

    def _step(self, step: JobStep, settings: Mapping[str, Any]) -> JobStep:
        job = find_job(self._deployed, key=step.tag, name=step.name)
        found = filled_in(dict(settings), self._references.find)
        known = {each.key: each.job_id for each in self.steps if each.job_id}
        wanted = filled_in(found, partial(known_id, known))
        open_ids = jobs_referred_to(wanted)
        checked_settings(filled_in(wanted, lambda _: 0) if open_ids else wanted)
        step = replace(step, settings=wanted)
        if job is None:
            return step
        step = replace(step, job_id=job.job_id)
        if job.hash == settings_hash(wanted) and job.name == step.name:
            return replace(step, action="nothing")
        return replace(step, action="change", changes=tuple(self._changes(job, wanted)))

    def _changes(self, job: DeployedJob, wanted: Mapping[str, Any]) -> Iterator[Change]:
        told = ask(partial(self._client.jobs.get, job.job_id)).settings or JobSettings()
        yield from setting_changes(told.as_dict(), wanted)

    def left(self) -> Iterator[JobStep]:
        """Yield the jobs of this target that are no longer in the bundle; nobody deletes them."""
        for job in self._deployed.by_id.values():
            if job.table == self._group and job.key not in self._tags:
                yield JobStep(job.name, job.name, "left", job.key, job.job_id)


def known_id(known: Mapping[str, int | None], reference: str) -> int | None:
    """Return the id of the job that a reference names, if it is known."""
    job = JOB_ID.fullmatch(reference)
    return known.get(job[1]) if job else None


def setting_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Yield which settings differ; our tags, defaults of the API and secrets are left out."""
    trees = [masked(as_node(_without_our_tags(each), Location(""))) for each in (before, after)]
    for each in differences(trees[0], trees[1]):
        old = each.before.plain() if each.before else None
        new = each.after.plain() if each.after else None
        default = _DEFAULTS.get(each.path.rpartition(".")[2])
        is_default = new is None and old == default
        if not is_default and not (_is_empty(old) and _is_empty(new)):
            yield Change(each.path, old, new)


def _is_empty(value: object) -> bool:
    """Return whether a value says no more than leaving it out."""
    return not value or (isinstance(value, dict) and all(map(_is_empty, value.values())))


def _without_our_tags(settings: Mapping[str, Any]) -> dict[str, Any]:
    tags = {
        name: value
        for name, value in (settings.get("tags") or {}).items()
        if name not in (TAG, TAG_HASH, TAG_TABLE)
    }
    return {**settings, "tags": tags}


def is_of_one_object(error: HeadwaterError) -> bool:
    """Return whether an error says nothing of other jobs."""
    if isinstance(error, WorkspaceError):
        return error.code in OF_ONE_OBJECT
    return not isinstance(error, SettingError) and error.code != "API_UNREACHABLE"
