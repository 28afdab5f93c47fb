"""How to bring a bundle back to a tag: which commit it is, and what to type. Changes nothing."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from headwater.git_commands import commit_of, folder_of_repository


@dataclass(frozen=True)
class TaggedBundle:
    """A tag, its commit, and the commands that put it beside the checkout and deploy it."""

    tag: str
    commit: str
    commands: tuple[str, ...]


def bundle_at(root: Path, tag: str, target: str) -> TaggedBundle:
    """Look a tag up and say how to deploy the bundle as it was; git is only asked.

    A worktree of its own leaves the checkout, and what is not committed in it, as they are.

    Raises:
        UsageError: GIT_MISSING, GIT_CHECKOUT_MISSING, GIT_REF_UNKNOWN.
    """
    top = folder_of_repository(root, "--show-toplevel")
    commit = commit_of(root, f"refs/tags/{tag}")
    folder = f"../{top.name}-{commit[:12]}"
    inner = root.resolve().relative_to(top.resolve())
    place = shlex.quote(str(Path(folder) / inner))
    commands = (
        f"git worktree add --detach {shlex.quote(folder)} {commit}",
        f"cd {place} && databricks bundle deploy -t {shlex.quote(target)}",
    )
    return TaggedBundle(tag, commit, commands)
