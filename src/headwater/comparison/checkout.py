"""The files of a git commit in a folder, without touching the user's checkout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from headwater.errors import UsageError

_LEAST_SHOWN = 12


def check_out(root: Path, ref: str, folder: Path) -> tuple[Path, str]:
    """Write the tree of a commit into a folder; return where `root` is in it, and the commit.

    The repository is only read: its index, branches and files stay as they are.

    Args:
        root: a folder of the checkout.
        ref: a branch, tag or commit.
        folder: an empty one.

    Raises:
        UsageError: GIT_MISSING, GIT_CHECKOUT_MISSING, GIT_REF_UNKNOWN.
    """
    try:
        top = Path(_git(root, "rev-parse", "--show-toplevel"))
        common = Path(_git(root, "rev-parse", "--path-format=absolute", "--git-dir"))
    except subprocess.CalledProcessError:
        raise UsageError(
            "GIT_CHECKOUT_MISSING",
            f"The bundle is not in a git checkout: {root}",
            hint="Run the command in a clone of the repository.",
        ) from None
    try:
        commit = _git(root, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}")
    except subprocess.CalledProcessError:
        raise UsageError(
            "GIT_REF_UNKNOWN",
            f"The repository has no commit '{ref}'",
            hint="Name a branch, tag or commit; in CI, fetch the base branch first.",
            ref=ref,
        ) from None
    tree = folder / "tree"
    _git(top, "clone", "--quiet", "--shared", "--no-checkout", str(top), str(tree))
    _git(tree, "checkout", "--quiet", "--detach", commit)
    shutil.rmtree(tree / ".git")
    (tree / ".git").write_text(f"gitdir: {common}\n")  # what the bundle asks of git is answered
    return tree / root.resolve().relative_to(top.resolve()), commit[:_LEAST_SHOWN]


def _git(folder: Path, *arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        raise UsageError("GIT_MISSING", "The program git is not installed", hint="Install git.")
    done = subprocess.run(  # noqa: S603 - the user's own git
        [git, "-C", str(folder), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
