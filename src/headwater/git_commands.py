"""Ask git about the user's repository; nothing here changes it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from headwater.errors import UsageError
from headwater.settings import environment_without

_OF_A_HOOK = frozenset(
    ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
)
"""What tells a hook which repository called it; here the folder says so."""


def git(folder: Path, *arguments: str, index: Path | None = None) -> str:
    """Run git in a folder and return what it prints.

    Args:
        index: one to use in place of the repository's own.

    Raises:
        UsageError: GIT_MISSING.
        subprocess.CalledProcessError: git refuses.
    """
    program = shutil.which("git")
    if program is None:
        raise UsageError("GIT_MISSING", "The program git is not installed", hint="Install git.")
    environment = environment_without(_OF_A_HOOK)
    if index is not None:
        environment["GIT_INDEX_FILE"] = str(index)
    done = subprocess.run(  # noqa: S603 - the user's own git
        [program, "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return done.stdout.strip()


def folder_of_repository(root: Path, *question: str) -> Path:
    """Return a folder that `git rev-parse` names for a folder of a checkout.

    Raises:
        UsageError: GIT_MISSING, GIT_CHECKOUT_MISSING.
    """
    try:
        return Path(git(root, "rev-parse", *question))
    except subprocess.CalledProcessError:
        raise UsageError(
            "GIT_CHECKOUT_MISSING",
            f"The bundle is not in a git checkout: {root}",
            hint="Run the command in a clone of the repository.",
        ) from None


def commit_of(root: Path, ref: str) -> str:
    """Return the commit of a branch, tag or commit.

    Raises:
        UsageError: GIT_MISSING, GIT_REF_UNKNOWN.
    """
    try:
        return git(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    except subprocess.CalledProcessError:
        raise UsageError(
            "GIT_REF_UNKNOWN",
            f"The repository has no commit '{ref}'",
            hint="Name a branch, tag or commit; in CI, fetch the base branch first.",
            ref=ref,
        ) from None
