"""A script and an update share one process: each adds and takes away what is its own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from headwater.graph.dependencies import import_paths
from headwater.jobs.imports import imports_from
from headwater.jobs.scripts import as_program


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """The folder of a script, and the root of a pipeline below it."""
    for file, text in (
        ("helper.py", "SAYS = 'script'"),
        ("kit/__init__.py", ""),
        ("kit/part.py", ""),
        ("flow/of_pipeline.py", ""),
        ("other/helper.py", "SAYS = 'other'"),
    ):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path, tmp_path / "flow"


@contextmanager
def script(folder: Path) -> Iterator[None]:
    with as_program(str(folder / "job.py"), ["--day", "1"]), imports_from(folder):
        yield


def test_script_leaves_first(folders: tuple[Path, Path]) -> None:
    folder, root = folders
    before, arguments = list(sys.path), sys.argv
    with ExitStack() as script_ends, ExitStack() as update_ends:
        script_ends.enter_context(script(folder))
        update_ends.enter_context(import_paths(root, (), ()))
        module = importlib.import_module("of_pipeline")
        script_ends.close()
        assert sys.path == [str(root), *before]
        assert sys.argv is arguments
        assert importlib.import_module("of_pipeline") is module
    assert sys.path == before


def test_script_leaves_its_folder(folders: tuple[Path, Path]) -> None:
    before = Path.cwd()
    with script(folders[0]):
        os.chdir(folders[0])
    assert Path.cwd() == before


PROGRAM = """
import io, os, subprocess, sys
from headwater.sandbox.interception import intercepted
from headwater.sandbox.outside import Outside
from headwater.sandbox.patches import patched_pyspark
print("before")
with patched_pyspark(), intercepted(Outside(None, None, "")):
    print("of the script")
    sys.stdout.flush()
    subprocess.run([sys.executable, "-c", "print('of a program')"], check=True)
    os.system("echo of a shell")
    sys.stdout = io.StringIO()
    print("kept by the script")
print("after")
subprocess.run([sys.executable, "-c", "print('at last')"], check=True)
"""


def test_output_of_a_process_is_its_own_whatever_a_script_starts_and_replaces() -> None:
    done = subprocess.run(
        [sys.executable, "-u", "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["before", "after", "at last"]
    assert done.stderr.splitlines() == ["of the script", "of a program", "of a shell"]


def test_update_leaves_first(folders: tuple[Path, Path]) -> None:
    folder, root = folders
    before = list(sys.path)
    with ExitStack() as update_ends, ExitStack() as script_ends:
        update_ends.enter_context(import_paths(root, (), ()))
        script_ends.enter_context(script(folder))
        update_ends.close()
        assert sys.path == [str(folder), *before]
        assert sys.argv == [str(folder / "job.py"), "--day", "1"]
    assert sys.path == before


def test_update_in_the_folder_of_the_script_keeps_it(folders: tuple[Path, Path]) -> None:
    folder, _ = folders
    with import_paths(folder, (), ()):
        with script(folder):
            pass
        assert str(folder) in sys.path


def test_next_script_finds_its_own_modules(folders: tuple[Path, Path]) -> None:
    folder, _ = folders
    said = []
    for each in (folder, folder / "other"):
        with script(each):
            said.append(importlib.import_module("helper").SAYS)
    assert said == ["script", "other"]


def test_modules_of_packages_beside_the_script_are_forgotten(folders: tuple[Path, Path]) -> None:
    folder, _ = folders
    with script(folder):
        importlib.import_module("kit.part")
    assert not {"kit", "kit.part"} & set(sys.modules)


def test_script_may_take_its_folder_away(folders: tuple[Path, Path]) -> None:
    folder, _ = folders
    before = list(sys.path)
    with script(folder):
        sys.path.remove(str(folder))
    assert sys.path == before
