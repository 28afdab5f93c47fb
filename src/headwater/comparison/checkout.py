"""The files of a git commit in a folder, without touching the user's checkout."""

from __future__ import annotations

import shutil
from pathlib import Path

from headwater.git import commit_of, folder_of_repository, git

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
    top = folder_of_repository(root, "--show-toplevel")
    common = folder_of_repository(root, "--path-format=absolute", "--git-dir")
    commit = commit_of(root, ref)
    tree = folder / "tree"
    git(top, "clone", "--quiet", "--shared", "--no-checkout", str(top), str(tree))
    git(tree, "checkout", "--quiet", "--detach", commit)
    shutil.rmtree(tree / ".git")
    (tree / ".git").write_text(f"gitdir: {common}\n")  # what the bundle asks of git is answered
    return tree / root.resolve().relative_to(top.resolve()), commit[:_LEAST_SHOWN]
