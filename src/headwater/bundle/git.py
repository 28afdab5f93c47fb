"""What a git checkout says about itself: branch, commit and the address it came from.

Read from the files of git, so that no git program is needed: worktrees, packed references and
detached heads are known. Settings of the user, such as `insteadOf`, are not looked at.
Source: "Substitutions" in Databricks' documentation of bundles; git's gitrepository-layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BRANCH = re.compile(r"ref: refs/heads/([^\s\x00-\x1f]+)")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SECTION = re.compile(r'\[\s*([\w.-]+)\s*(?:"((?:[^"\\]|\\.)*)")?\s*\](.*)')
_URL = re.compile(r'\s*url\s*=\s*(?:"([^"]*)"|([^"#;]*?))\s*(?:[#;].*)?', re.IGNORECASE)
_SECRET = re.compile(r"^(?:(ssh://[^:/?#@]*):[^/?#]*(@)|((?!ssh:)[A-Za-z][\w+.-]*://)[^/?#]*@)")
_LINKS = 5  # a reference may name another one


@dataclass(frozen=True)
class Checkout:
    """A git checkout; unknown facts are None.

    Args:
        root: its topmost folder.
        branch: the branch that is checked out; None for a detached head.
        commit: the commit that is checked out; None before the first one.
        origin_url: the address of the remote `origin`, without password; of `https` without user.
    """

    root: Path
    branch: str | None
    commit: str | None
    origin_url: str | None


def find_checkout(folder: Path) -> Checkout | None:
    """Find the checkout that a folder is in; None if there is none. Reads only."""
    for root in (folder, *folder.parents):
        git = _git_folder(root / ".git")
        if git:
            common = _common_folder(git)
            head = _text(git / "HEAD")
            branch = _BRANCH.fullmatch(head)
            return Checkout(
                root, branch[1] if branch else None, _commit(head, git, common), _origin(common)
            )
    return None


def _git_folder(place: Path) -> Path | None:
    """Follow a `.git` file, as worktrees and submodules have it."""
    if place.is_file():
        named = _text(place).removeprefix("gitdir:").strip()
        place = place.parent / named
    return place if (place / "HEAD").is_file() else None


def _common_folder(git: Path) -> Path:
    named = _text(git / "commondir")
    return git / named if named else git


def _commit(head: str, git: Path, common: Path) -> str | None:
    for _ in range(_LINKS):
        if not head.startswith("ref: "):
            break
        name = head.removeprefix("ref: ")
        if ".." in Path(name).parts or name.startswith("/"):
            return None
        head = _text(git / name) or _text(common / name) or _packed(common, name)
    return head if _COMMIT.fullmatch(head) else None


def _packed(common: Path, name: str) -> str:
    for line in _lines(common / "packed-refs"):
        commit, _, packed = line.partition(" ")
        if packed == name:
            return commit
    return ""


def _origin(common: Path) -> str | None:
    url, is_origin = None, False
    for line in _lines(common / "config"):
        section = _SECTION.fullmatch(line.strip())
        if section:
            is_origin = (section[1].lower(), section[2]) == ("remote", "origin")
            line = section[3]
        found = _URL.fullmatch(line)
        if is_origin and found and url is None:
            url = _SECRET.sub(r"\1\2\3", found[1] or found[2])
    return url or None


def _text(path: Path) -> str:
    return next(_lines(path), "")


def _lines(path: Path) -> Iterator[str]:
    """Return the lines of a file; no lines if it is absent or can't be read."""
    try:
        yield from path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
