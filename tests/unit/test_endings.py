"""How programs end: two lines for a mistake, whatever names hold, and the exit status."""

from __future__ import annotations

import signal
import subprocess
import sys

import click
import pytest

from headwater.cli.endings import run_program, stopping_on_signals
from headwater.cli.groups import Commands
from headwater.cli.output import print_error
from headwater.errors import GraphError, HeadwaterError, UsageError, shown
from lakeflow_job_meta.errors import Fault, MetadataError

Captured = pytest.CaptureFixture[str]


def ended(monkeypatch: pytest.MonkeyPatch, command: click.Command, *arguments: str) -> object:
    """Run a program called `tool`; the exit status."""
    monkeypatch.setattr("sys.argv", ["tool", *arguments])
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def explained(error: Exception) -> HeadwaterError | None:
        return UsageError("API_SAYS", "no") if isinstance(error, KeyError) else None

    with pytest.raises(SystemExit) as caught:
        run_program(command, "tool", explained=explained)
    return caught.value.code


def raising(error: BaseException) -> click.Command:
    @click.command()
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "status", "first"),
    [
        (UsageError("A_CODE", "wrong", where="f:1"), 2, "error: [A_CODE] wrong (f:1)"),
        (HeadwaterError("A_CODE", "broken"), 1, "error: [A_CODE] broken"),
        (KeyError("x"), 2, "error: [API_SAYS] no"),
        (ZeroDivisionError(), 1, "error: [UNEXPECTED] ZeroDivisionError inside tool"),
        (KeyboardInterrupt(), 1, "error: [INTERRUPTED] Stopped by an interrupt"),
    ],
)
def test_error_ends_in_two_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, error: Exception, status: int, first: str
) -> None:
    assert ended(monkeypatch, raising(error)) == status
    lines = capsys.readouterr().err.strip().splitlines()  # click begins a new line after ^C
    assert (lines[0], len(lines)) == (first, 2)
    assert lines[1].startswith("  fix: ")


def test_unknown_command_is_answered_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    group = Commands("tool", {"plan": click.Command("plan")})
    assert ended(monkeypatch, group, "plann") == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: [COMMAND_UNKNOWN] tool has no command 'plann'",
        "  fix: Did you mean 'plan'?",
    ]


@pytest.mark.parametrize(
    "error",
    [
        MetadataError([Fault("ONE", "a", "f:1", "x"), Fault("TWO", "b", "f:2", "y")]),
        GraphError([UsageError("ONE", "a", where="f:1", hint="x"), UsageError("TWO", "b")]),
    ],
)
def test_each_gathered_fault_is_shown(capsys: Captured, error: HeadwaterError) -> None:
    print_error(error)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["error: [ONE] a (f:1)", "  fix: x"]
    assert (lines[2][:12], len(lines)) == ("error: [TWO]", 4)


def test_names_do_not_reach_the_terminal_as_commands(capsys: Captured) -> None:
    print_error(UsageError("X", "table \x1b[31m\nerror: [Y] forged", hint="\x07"))
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert shown("a\x1b\n\u202e") == "a\\x1b\\n\\u202e"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_signal_asks_to_stop_and_the_second_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stopping_on_signals() as stopping:
        assert not stopping.is_set()
        signal.raise_signal(number)
        assert stopping.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("count", [1, 2])
def test_debug_shows_the_cause_of_each_gathered_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, count: int
) -> None:
    faults = [
        UsageError("A_CODE", "values withheld", where=f"f:{number}") for number in range(count)
    ]
    for number, fault in enumerate(faults):
        fault.__cause__ = ValueError(f"text {number}")
    assert ended(monkeypatch, raising(GraphError(faults)), "--debug") == 1
    said = capsys.readouterr().err
    assert [said.count(f"ValueError: text {number}") for number in range(count)] == [1] * count
    assert GraphError(faults).__cause__ is None  # a traceback elsewhere shows no values
    assert ended(monkeypatch, raising(GraphError(faults))) == 1
    assert "text" not in capsys.readouterr().err


def test_debug_ends_for_an_error_that_is_its_own_cause(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    error = ValueError("turns in a circle")
    error.__cause__ = error
    assert ended(monkeypatch, raising(error), "--debug") == 1
    assert "ValueError: turns in a circle" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("body", "said"),
    [("click.echo('x' * 1_000_000)", ""), ("raise BrokenPipeError", "[UNEXPECTED]")],
)
def test_reader_that_goes_away_ends_the_program_without_a_word(body: str, said: str) -> None:
    code = (
        "import click\n"
        "from headwater.cli.endings import run_program\n"
        f"run_program(click.Command('c', callback=lambda: exec({body!r})), 'c')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        program.stdout.close()
        assert program.stderr is not None
        told = program.stderr.read()
        assert program.wait(60) == 1
    assert said in told if said else told == ""
