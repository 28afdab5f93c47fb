"""Rules on the tasks of jobs: their keys, what they wait for, their compute, their kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from headwater.bundle_check.job_fields import KINDS, LOOP
from headwater.bundle_check.seen import Seen, finding, is_known, is_open, listed, text_of
from headwater.errors import nearest
from headwater.finding import Finding
from headwater.yaml_nodes import Node

_KEYED = {
    "tasks": ("task_key", "TASK_KEY_DUPLICATE"),
    "job_clusters": ("job_cluster_key", "JOB_CLUSTER_KEY_DUPLICATE"),
    "environments": ("environment_key", "ENVIRONMENT_KEY_DUPLICATE"),
    "parameters": ("name", "JOB_PARAMETER_DUPLICATE"),
}
"""Lists of a job, the field that their items are known by, and what two of one key are called."""
_USED = {
    "environment_key": ("environments", "ENVIRONMENT_UNDEFINED"),
    "job_cluster_key": ("job_clusters", "JOB_CLUSTER_UNDEFINED"),
}
"""Fields of a task that name an item of its job."""
_LEAST = {"max_retries": -1, "min_retry_interval_millis": 0, "timeout_seconds": 0}
"""Fields of a task that are numbers, and from where they mean something."""
_ALL_KINDS = (*KINDS, LOOP)


def duplicate_keys(seen: Seen) -> Iterator[Finding]:
    """Find items of one key in a list as it is written: targets may add to them, a list may not."""
    target = seen.files.get("targets", seen.steps.target)
    for tree in (seen.files, target) if target else (seen.files,):
        for job in tree.below("resources", "jobs").values():
            for field, (name, code) in _KEYED.items():
                yield from _duplicates(listed(job, field), name, code)


def _duplicates(items: tuple[Node, ...], name: str, code: str) -> Iterator[Finding]:
    first: dict[str, Node] = {}
    for item in items:
        key = item.get(name)
        if key is None:
            continue
        if key.text in first:
            said = f"the {name} '{key.text}' is taken, in {first[key.text].location}"
            yield finding(code, said, key, "Give each item of the list a key of its own.")
        else:
            first[key.text] = key


def dependencies(seen: Seen) -> Iterator[Finding]:
    """Find tasks that wait for what their job does not have, or for each other."""
    for job in seen.resources("jobs").values():
        if not is_known(job, "tasks"):
            continue
        tasks = {text_of(task, "task_key"): task for task in listed(job, "tasks")}
        waits: dict[str, list[str]] = {}
        for key, task in tasks.items():
            waits[key] = []
            for other in listed(task, "depends_on"):
                wanted = text_of(other, "task_key")
                if wanted in tasks:
                    waits[key].append(wanted)
                elif wanted and not is_open(wanted):
                    yield _undefined(
                        "DEPENDENCY_UNKNOWN",
                        f"the task '{key}' waits for '{wanted}', which its job does not have",
                        other.entries["task_key"],
                        tasks,
                    )
        yield from _cycle(waits, tasks)


def _cycle(waits: dict[str, list[str]], tasks: dict[str, Node]) -> Iterator[Finding]:
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        path = error.args[1]
        said = f"tasks wait for each other: {' -> '.join(reversed(path))}"
        hint = "Take one of these out of depends_on."
        yield finding("DEPENDENCY_CYCLE", said, tasks[path[0]], hint)


def compute(seen: Seen) -> Iterator[Finding]:
    """Find environments and clusters that a task names and its job does not define."""
    for job, task in seen.tasks():
        for field, (items, code) in _USED.items():
            wanted = task.get(field) if is_known(job, items) else None
            known = {text_of(item, field) for item in listed(job, items)}
            if wanted and wanted.text not in known and not is_open(wanted.text):
                said = f"no '{wanted.text}' is under '{items}' of the job"
                yield _undefined(code, said, wanted, known)


def kinds(seen: Seen) -> Iterator[Finding]:
    """Find tasks of several kinds, or of none."""
    for _, task in seen.tasks():
        key = text_of(task, "task_key")
        found = [name for name in _ALL_KINDS if task.get(name)]
        if len(found) > 1:
            said = f"the task '{key}' is of several kinds: {', '.join(found)}"
            hint = "Keep one of them, and make tasks of the others."
            yield finding("TASK_KIND_AMBIGUOUS", said, task.entries[found[-1]], hint)
        elif not found and not any(name.endswith("_task") for name in task.entries):
            said = f"the task '{key}' has no field that tells its kind"
            yield finding("TASK_KIND_MISSING", said, task, "Add one, such as notebook_task.")


def numbers(seen: Seen) -> Iterator[Finding]:
    """Find numbers of tasks that mean nothing, such as a time-out below zero."""
    for _, task in seen.tasks():
        fields = [(task.get(name), name, least) for name, least in _LEAST.items()]
        fields.append((task.get(LOOP, "concurrency"), "concurrency", 1))
        for node, name, least in fields:
            if node and node.kind == "number" and node.value < least:  # type: ignore[operator]
                said = f"{name} is less than {least}"
                yield finding("NUMBER_TOO_SMALL", said, node, "Correct it, or leave it out.")


def loops(seen: Seen) -> Iterator[Finding]:
    """Find loops whose inputs are neither a JSON list nor a reference."""
    for _, task in seen.tasks():
        inputs = task.get(LOOP, "inputs")
        if inputs is None or inputs.kind in ("list", "map") or is_open(inputs.text):
            continue
        try:
            is_list = isinstance(json.loads(inputs.text), list)
        except ValueError:
            is_list = False
        if not is_list:
            said = "the inputs of a loop are neither a JSON list nor a reference"
            yield finding(
                "INPUTS_INVALID", said, inputs, "Write them as a text: inputs: '[\"a\"]'."
            )


def outcomes(seen: Seen) -> Iterator[Finding]:
    """Find tasks that wait for an outcome of one that has none."""
    for job in seen.resources("jobs").values():
        tasks = {text_of(task, "task_key"): task for task in listed(job, "tasks")}
        for task in tasks.values():
            for other in listed(task, "depends_on"):
                outcome, before = other.get("outcome"), tasks.get(text_of(other, "task_key"))
                is_condition = before is not None and before.get("condition_task") is not None
                if outcome and is_condition and outcome.text not in ("true", "false"):
                    if not is_open(outcome.text):
                        said = f"no condition has the outcome '{outcome.text}'"
                        yield finding("OUTCOME_INVALID", said, outcome, "Write true or false.")
                elif outcome and before and not is_condition:
                    said = f"'{text_of(before, 'task_key')}' is no condition, and has no outcome"
                    hint = "Remove the outcome, or wait for a condition_task."
                    yield finding("OUTCOME_WITHOUT_CONDITION", said, outcome, hint)


def _undefined(code: str, said: str, node: Node, known: dict[str, Node] | set[str]) -> Finding:
    names = sorted(filter(None, known))
    hint = nearest(node.text, names) or f"Defined there: {', '.join(names) or 'none'}."
    return finding(code, said, node, hint)
