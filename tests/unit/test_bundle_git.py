"""`${bundle.git...}`: what the checkout says, read from the files of git."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.bundle.git import Checkout, find_checkout
from unit.test_bundle_support import PIPELINE, load

ONE, TWO = "1" * 40, "2" * 40
CONFIG = '[core]\n\tbare = false\n[remote "other"]\n\turl = x\n[remote "origin"]\n\turl = %s\n'


def checkout(folder: Path, head: str = "ref: refs/heads/feature/x\n", **files: str) -> Path:
    """Make the files of a checkout; further files of `.git` by path, with `__` for `/`."""
    files = {"HEAD": head, "refs__heads__feature__x": f"{ONE}\n", **files}
    for name, text in files.items():
        path = folder / ".git" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def found(folder: Path) -> Checkout:
    known = find_checkout(folder)
    assert known is not None
    return known


def test_checkout_has_branch_commit_and_origin(tmp_path: Path) -> None:
    folder = checkout(tmp_path, config=CONFIG % "git@example.org:team/flow.git")
    assert found(folder / "deep") == Checkout(
        tmp_path, "feature/x", ONE, "git@example.org:team/flow.git"
    )


def test_checkout_with_packed_references(tmp_path: Path) -> None:
    packed = f"# pack-refs with: peeled\n{ONE} refs/heads/main\n{TWO} refs/heads/feature/y\n"
    folder = checkout(tmp_path, "ref: refs/heads/feature/y\n", **{"packed-refs": packed})
    assert found(folder).commit == TWO


def test_checkout_of_a_detached_head_has_no_branch(tmp_path: Path) -> None:
    known = found(checkout(tmp_path, f"{TWO}\n"))
    assert (known.branch, known.commit, known.origin_url) == (None, TWO, None)


def test_checkout_before_its_first_commit(tmp_path: Path) -> None:
    known = found(checkout(tmp_path, "ref: refs/heads/main\n"))
    assert (known.branch, known.commit) == ("main", None)


def test_checkout_that_is_a_worktree(tmp_path: Path) -> None:
    main = checkout(
        tmp_path / "main",
        config=CONFIG % "ssh://git@example.org/flow.git",
        worktrees__side__HEAD="ref: refs/heads/side\n",
        worktrees__side__commondir="../..\n",
        refs__heads__side=TWO,
    )
    side = tmp_path / "side"
    side.mkdir()
    (side / ".git").write_text(f"gitdir: {main}/.git/worktrees/side\n")
    assert found(side) == Checkout(side, "side", TWO, "ssh://git@example.org/flow.git")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "https://user:secret@example.org/flow.git",  # pragma: allowlist secret
            "https://example.org/flow.git",
        ),
        ("https://secret@example.org/flow.git", "https://example.org/flow.git"),
        (
            '"https://u:secret@example.org:8443/a" ; note',  # pragma: allowlist secret
            "https://example.org:8443/a",
        ),
        (
            "ssh://git:secret@example.org/flow.git",  # pragma: allowlist secret
            "ssh://git@example.org/flow.git",
        ),
        ("/srv/flow@v1.git", "/srv/flow@v1.git"),
    ],
)
def test_origin_url_is_given_without_credentials(tmp_path: Path, url: str, shown: str) -> None:
    assert found(checkout(tmp_path, config=CONFIG % url)).origin_url == shown


def test_folder_outside_of_a_checkout(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert find_checkout(tmp_path) is None


NAMED = PIPELINE + "      name: flow ${bundle.git.branch}\n"


def test_reference_to_the_branch_is_that_of_the_checkout(tmp_path: Path) -> None:
    folder = checkout(tmp_path) / "bundle"
    folder.mkdir()
    configuration = "{c: '${bundle.git.commit}', i: '${bundle.git.inferred}', "
    configuration += "r: '${bundle.git.bundle_root_path}'}"
    spec = load(folder, NAMED + f"      configuration: {configuration}\n").pipeline()
    assert spec.name == "flow feature/x"
    assert spec.configuration == {"c": ONE, "i": "true", "r": "bundle"}


def test_reference_to_the_branch_that_the_bundle_gives(tmp_path: Path) -> None:
    target = "targets: {dev: {git: {branch: main}}}\n"
    names = NAMED + "      configuration: {a: '${bundle.git.actual_branch}'}\n"
    spec = load(checkout(tmp_path), target + names).pipeline()
    assert (spec.name, spec.configuration["a"]) == ("flow main", "feature/x")


@pytest.mark.parametrize("head", ["", f"{TWO}\n"])
def test_reference_to_a_branch_that_nothing_tells_is_empty(tmp_path: Path, head: str) -> None:
    assert load(checkout(tmp_path, head) if head else tmp_path, NAMED).pipeline().name == "flow "
