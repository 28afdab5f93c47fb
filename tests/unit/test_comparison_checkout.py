"""The files of a commit, as a comparison has them, and a repository that stays as it is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from headwater.comparison.checkout import check_out


def git(folder: Path, *words: str) -> str:
    program = shutil.which("git")
    assert program
    who = ("-c", "user.name=n", "-c", "user.email=n@example.com")
    command = [program, "-C", str(folder), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a bundle in a folder, and two commits on main."""
    folder = tmp_path / "repository"
    (folder / "bundle").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    for text in ("before", "after"):
        (folder / "bundle/a.sql").write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-qm", text)
    return folder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


def test_bundle_in_a_folder_is_found_in_the_tree(repository: Path, place: Path) -> None:
    root, commit = check_out(repository / "bundle", "HEAD~", place)
    assert (root / "a.sql").read_text() == "before"
    assert git(repository, "rev-parse", "HEAD~").startswith(commit)


def test_shallow_clone_has_what_was_fetched(repository: Path, place: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", str(shallow))
    git(repository, "checkout", "-q", "-b", "other", "HEAD~")
    git(shallow, "fetch", "-q", "--depth", "1", "origin", "other")
    root, _ = check_out(shallow / "bundle", "FETCH_HEAD", place)
    assert (root / "a.sql").read_text() == "before"


def test_repository_that_calls_a_hook_stays_as_it_is(
    repository: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(repository / ".git/index"))
    root, _ = check_out(repository / "bundle", "HEAD~", place)
    assert (root / "a.sql").read_text() == "before"
    monkeypatch.undo()
    assert git(repository, "status", "--porcelain") == ""
    assert git(repository, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_hooks_of_the_repository_do_not_run(repository: Path, place: Path) -> None:
    hook = repository / ".git/hooks/post-checkout"
    hook.write_text("#!/bin/sh\ntouch was-run\n")
    hook.chmod(0o755)
    git(repository, "config", "core.hooksPath", str(hook.parent))
    check_out(repository / "bundle", "HEAD~", place)
    assert not list(repository.parent.rglob("was-run"))
