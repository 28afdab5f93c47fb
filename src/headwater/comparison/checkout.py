"""The files of a git commit in a folder, without touching the user's checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

from headwater.errors import UsageError
from headwater.git_commands import commit_of, folder_of_repository, git

_LEAST_SHOWN = 12


def check_out(root: Path, ref: str, folder: Path) -> tuple[Path, str]:
    """Write the tree of a commit into a folder; return where `root` is in it, and the commit.

    The repository is only read: its index, branches and files stay as they are.

    Args:
        root: a folder of the checkout.
        ref: a branch, tag or commit.
        folder: an empty one.

    Raises:
        UsageError: GIT_MISSING, GIT_CHECKOUT_MISSING, GIT_REF_UNKNOWN, GIT_FILES_MISSING.
    """
    top = folder_of_repository(root, "--show-toplevel")
    common = folder_of_repository(root, "--path-format=absolute", "--git-dir")
    commit = commit_of(root, ref)
    tree = folder / "tree"
    _write_tree(top, commit, folder / "index", tree, ref)
    (tree / ".git").write_text(f"gitdir: {common}\n")  # what the bundle asks of git is answered
    return tree / root.resolve().relative_to(top.resolve()), commit[:_LEAST_SHOWN]


def _write_tree(top: Path, commit: str, index: Path, tree: Path, ref: str) -> None:
    """Write the files of a commit by an index of their own; a shallow clone has all it takes."""
    try:
        git(top, "read-tree", "--no-sparse-checkout", commit, index=index)
        git(top, "checkout-index", "--all", "--quiet", f"--prefix={tree}/", index=index)
    except subprocess.CalledProcessError:
        raise UsageError(
            "GIT_FILES_MISSING",
            f"git can't write the files of '{ref}'",
            hint="Fetch the commit with all of its files, and look for space on the disk.",
            ref=ref,
        ) from None
    tree.mkdir(exist_ok=True)
