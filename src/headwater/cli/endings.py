"""Exit codes and error output: every error a user can cause ends in two lines.

The command line and the scripts in `scratch/` share it.
"""

from __future__ import annotations

import signal
import sys
import traceback
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from headwater.cli.lazy import LazyModule
from headwater.errors import HeadwaterError

if TYPE_CHECKING:
    from headwater.cli import render
else:
    render = LazyModule("headwater.cli.render")


def run_program(
    command: click.Command, name: str, *, again: str = "Run again: it continues from here."
) -> NoReturn:
    """Run a click command on the process's arguments, and end the process.

    SIGTERM ends it as Ctrl-C does, so that `with` blocks stop what they started. `--debug` anywhere
    shows the traceback of an error. Exit status: 0 fine, 1 a failure or an interrupt, 2 a usage
    error.

    Args:
        again: what to do after an interrupt.
    """
    debug = "--debug" in sys.argv
    arguments = [each for each in sys.argv[1:] if each != "--debug"]
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
    except HeadwaterError as error:
        render.print_error(error)
        if debug:
            traceback.print_exc()
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            traceback.print_exc()
        _fail(
            "UNEXPECTED",
            f"{type(error).__name__} inside headwater",
            "Run again with --debug, and report what it prints.",
            1,
        )
    sys.exit(0)


def warn(warning: object) -> None:
    """Print on standard error something that does not stop the program."""
    click.echo(f"warning: {warning}", err=True)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def _fail(code: str, message: str, hint: str, status: int) -> NoReturn:
    click.echo(f"error: [{code}] {message}", err=True)
    click.echo(f"  fix: {hint}", err=True)
    sys.exit(status)
