"""The workflows: actions pinned, few rights, and commands that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from command_words import unknown_words
from headwater.bundle import load_bundle

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))

PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")
FROM_OUTSIDE = re.compile(r"\$\{\{[^}]*\b(?:github\.event|github\.head_ref|needs)\b")


def read(file: Path) -> dict[str, Any]:
    return dict(YAML(typ="safe").load(file))


def jobs(file: Path) -> list[tuple[str, dict[str, Any]]]:
    return list(read(file)["jobs"].items())


def scripts(file: Path) -> list[str]:
    return [step["run"] for _, job in jobs(file) for step in job["steps"] if "run" in step]


def test_there_are_workflows_for_changes_promotion_and_validation() -> None:
    assert [each.stem for each in WORKFLOWS] == ["cd", "ci", "data_validation"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda each: each.stem)
def test_actions_are_pinned_and_jobs_end(file: Path) -> None:
    steps = [step for _, job in jobs(file) for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert [each for each in used if not PINNED.fullmatch(each)] == []
    assert [name for name, job in jobs(file) if job.get("timeout-minutes", 999) > 90] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda each: each.stem)
def test_rights_are_few_and_no_script_holds_what_a_stranger_wrote(file: Path) -> None:
    rights = [read(file)["permissions"], *(job.get("permissions", {}) for _, job in jobs(file))]
    granted = {(key, value) for each in rights for key, value in each.items()}
    assert granted <= {
        ("contents", "read"),
        ("id-token", "write"),
        ("pull-requests", "write"),
    }
    assert "pull_request_target" not in file.read_text()
    assert [each for each in scripts(file) if FROM_OUTSIDE.search(each)] == []


def test_job_that_may_write_runs_no_code_of_the_change() -> None:
    writing = [job for _, job in jobs(ROOT / ".github/workflows/ci.yml") if "permissions" in job]
    assert [job["permissions"] for job in writing] == [{"pull-requests": "write"}]
    assert all("uses" not in step for job in writing for step in job["steps"])


def test_headwater_commands_exist_with_their_options() -> None:
    lines = [
        line.strip().split("||")[0]
        for file in WORKFLOWS
        for text in scripts(file)
        for line in text.splitlines()
        if ".venv/bin/headwater" in line
    ]
    assert len(lines) >= 4
    assert [line for line in lines if unknown_words(shlex.split(line))] == []


def test_every_suite_of_tests_is_run_for_a_change() -> None:
    targets = re.findall(r"^(test-[\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    (ci,) = [each for each in WORKFLOWS if each.stem == "ci"]
    apart = read(ci)["jobs"]["suites"]["strategy"]["matrix"]["suite"]
    run = re.findall(r"^make (\S+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert targets
    assert set(targets) - {*run, *apart} == set()


def test_jobs_that_promotion_runs_are_in_the_bundle() -> None:
    for file in WORKFLOWS:
        for script in scripts(file):
            for name, target in re.findall(r"databricks bundle run (\w+) -t (\w+)", script):
                assert name in load_bundle(ROOT, target=target).jobs
