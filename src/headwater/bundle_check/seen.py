"""What the rules look at: a bundle as one target sees it, with what is known of its references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headwater.bundle.load import TargetTree
from headwater.bundle.references import Resolver
from headwater.errors import Location
from headwater.finding import Finding, Severity
from headwater.yaml_nodes import Node


@dataclass(frozen=True)
class Seen:
    """A bundle as one target sees it.

    Args:
        files: the merged files, before the target is applied.
        steps: the target's tree, step by step, with references as written.
        declared: the same as `steps.declared`, with references resolved as far as they are known.
        resolver: of the target; it and `declared` hold no secrets, so that no message can.
    """

    files: Node
    steps: TargetTree
    declared: Node
    resolver: Resolver

    @property
    def mode(self) -> str:
        """The target's mode, or nothing."""
        mode = self.declared.get("bundle", "mode")
        return mode.text if mode else ""

    def resources(self, kind: str) -> Mapping[str, Node]:
        """Return the resources of a kind, by key."""
        return self.declared.below("resources", kind)

    def tasks(self) -> Iterator[tuple[Node, Node]]:
        """Yield each job with each of its tasks; what a loop repeats after the loop."""
        for job in self.resources("jobs").values():
            for task in listed(job, "tasks"):
                yield job, task
                nested = task.get("for_each_task", "task")
                if nested:
                    yield job, nested


def listed(node: Node, key: str) -> tuple[Node, ...]:
    """Return the maps of a list; none where there is no list."""
    found = node.get(key)
    return tuple(item for item in found.items if item.kind == "map") if found else ()


def is_known(node: Node, key: str) -> bool:
    """Whether a list is known here with all its items; one that is not there is."""
    found = node.get(key)
    return found is None or (
        found.kind == "list" and all(item.kind == "map" for item in found.items)
    )


def text_of(node: Node, *path: str) -> str:
    """Return the text at a path; nothing where there is none."""
    found = node.get(*path)
    return found.text if found and found.kind not in ("map", "list") else ""


def is_open(text: str) -> bool:
    """Whether a text has references that are not resolved here."""
    return "${" in text or "{{" in text


def finding(
    code: str, message: str, where: Node | Location, hint: str, severity: Severity = "error"
) -> Finding:
    """Make a finding at a node."""
    place = where.location if isinstance(where, Node) else where
    return Finding(code, message, place, hint, severity)
