"""The papers for a bad night: commands, codes and files that they name exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from command_words import unknown_words

ROOT = Path(__file__).parents[2]
PAPERS = ("DEPLOYMENT", "RUNBOOK", "TROUBLESHOOTING", "ROLLBACK", "SECURITY")
WORKSPACE = "(needs a workspace)"

_SECTION = re.compile(r"^#+ (.*)\n((?:(?!^#+ ).*\n?)*)", re.MULTILINE)
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_CODE = re.compile(r"`([A-Z]+(?:_[A-Z]+)+)`")
_FILE = re.compile(r"`((?:tests|src|docs|resources|\.github)/[\w./-]+\.\w+)`|\]\(([\w./-]+\.md)\)")


def text_of(paper: str) -> str:
    return (ROOT / "docs" / f"{paper}.md").read_text()


def sections(paper: str) -> list[tuple[str, str]]:
    return [(each[1], each[2]) for each in _SECTION.finditer(text_of(paper))]


def commands(text: str) -> list[list[str]]:
    lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize("paper", PAPERS)
def test_commands_of_headwater_exist_with_their_options(paper: str) -> None:
    for words in commands(text_of(paper)):
        if words[0] == "headwater":
            assert unknown_words(words) == set(), words


@pytest.mark.parametrize("paper", PAPERS)
def test_what_needs_a_workspace_says_so(paper: str) -> None:
    for title, text in sections(paper):
        programs = {words[0] for words in commands(text)}
        assert ("databricks" in programs) <= (WORKSPACE in title), title
        assert programs <= {"headwater", "databricks", "git", "make"}


@pytest.mark.parametrize("paper", PAPERS)
def test_codes_and_files_exist(paper: str) -> None:
    source = "".join(each.read_text() for each in (ROOT / "src").rglob("*.py"))
    source += (ROOT / "README.md").read_text()  # variables of the environment
    text = text_of(paper)
    assert [code for code in _CODE.findall(text) if code not in source] == []
    for in_root, beside in _FILE.findall(text):
        path = ROOT / in_root if in_root else ROOT / "docs" / beside
        assert path.exists(), path
