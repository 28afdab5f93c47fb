"""Exit codes and error output: every error a user can cause ends in two lines.

Both command lines and the scripts in `scratch/` share it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from headwater.cli.output import print_error, print_traceback
from headwater.errors import HeadwaterError


def run_program(
    command: click.Command,
    name: str,
    *,
    again: str = "Run again: it continues from here.",
    explained: Callable[[Exception], HeadwaterError | None] = lambda _: None,
) -> NoReturn:
    """Run a click command on the process's arguments, and end the process.

    SIGTERM ends it as Ctrl-C does, so that `with` blocks stop what they started. `--debug` anywhere
    shows the traceback of an error. Exit status: 0 fine, 1 a failure or an interrupt, 2 a usage
    error.

    Args:
        again: what to do after an interrupt.
        explained: returns what a library's exception means to the user; None where it is a fault
            of this program.
    """
    debug = "--debug" in sys.argv
    arguments = [each for each in sys.argv[1:] if each != "--debug"]
    if threading.current_thread() is threading.main_thread():  # else it is a task of a job
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        command.main(arguments, prog_name=name, standalone_mode=False, obj={"debug": debug})
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("INTERRUPTED", "Stopped by an interrupt", again, 1)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        _fail(
            "USAGE",
            error.format_message(),
            f"See: {context.command_path if context else name} --help",
            2,
        )
    except Exception as error:
        if isinstance(error, BrokenPipeError) and _output_is_gone():
            sys.exit(1)
        if debug:
            print_traceback(error)
        said = error if isinstance(error, HeadwaterError) else explained(error)
        said = said or _unexpected(error, name)
        print_error(said)
        sys.exit(said.exit_code)
    sys.exit(0)


def warn(warning: object) -> None:
    """Print on standard error something that does not stop the program."""
    click.echo(f"warning: {warning}", err=True)


@contextmanager
def stopping_on_signals(
    seconds: float | None = None, overdue: Callable[[], None] = lambda: None
) -> Iterator[threading.Event]:
    """Provide an event that the first SIGTERM or SIGINT sets; a second one interrupts at once.

    Args:
        seconds: the process is ended that long after the first signal, whatever a client library is
            waiting for; None to leave it all the time it needs.
        overdue: is called before that.
    """
    stopping = threading.Event()

    def give_up() -> None:
        overdue()
        os._exit(1)

    timer = threading.Timer(seconds or 0, give_up)
    timer.daemon = True

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()
        if seconds is not None:
            timer.start()

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    finally:
        timer.cancel()
        for each, handler in before.items():
            signal.signal(each, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def _output_is_gone() -> bool:
    """Whether nobody reads what is printed any more; nothing that is left is then printed."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def _unexpected(error: Exception, name: str) -> HeadwaterError:
    return HeadwaterError(
        "UNEXPECTED",
        f"{type(error).__name__} inside {name}",
        hint="Run again with --debug, and report what it prints.",
    )


def _fail(code: str, message: str, hint: str, status: int) -> NoReturn:
    print_error(HeadwaterError(code, message, hint=hint))
    sys.exit(status)
