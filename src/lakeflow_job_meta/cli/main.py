"""The `lakeflow-job-meta` command: each subcommand parses, makes one library call, renders it."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any, NoReturn

import click

from lakeflow_job_meta.cli.deploy import apply, monitor, plan, run
from lakeflow_job_meta.cli.look import export, graph, validate
from lakeflow_job_meta.errors import JobMetaError, MetadataError, UsageError, nearest, shown


class _Commands(click.Group):
    """A group whose unknown commands are answered with the nearest known one."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise UsageError(
                "COMMAND_UNKNOWN",
                f"lakeflow-job-meta has no command '{args[0]}'",
                hint=nearest(args[0], self.commands) or f"It has: {', '.join(self.commands)}.",
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="headwater")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Make Lakeflow Jobs from metadata, and keep them in step with it.

    \b
    Example:
      lakeflow-job-meta plan --control-table main.ops.etl_control
    """
    del debug  # `main` looks for it, so that it also counts for errors while parsing


for _command in (plan, apply, run, monitor, validate, export, graph):
    cli.add_command(_command)


def main() -> NoReturn:
    """Run the command on the process's arguments, and end the process.

    Exit status: 0 fine, 1 a failure or an interrupt, 2 a usage error. `--debug` anywhere shows the
    traceback of an error.
    """
    debug = "--debug" in sys.argv
    arguments = [each for each in sys.argv[1:] if each != "--debug"]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        cli.main(arguments, prog_name="lakeflow-job-meta", standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("[INTERRUPTED] Stopped by an interrupt", "Run again: it goes on from here.", 1)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "lakeflow-job-meta"
        _fail(f"[USAGE] {error.format_message()}", f"See: {path} --help", 2)
    except Exception as error:
        if debug:
            raise
        _end(error)
    sys.exit(0)


def _end(error: Exception) -> NoReturn:
    """Describe an error in two lines: our own, the API's, and any other by its name."""
    if isinstance(error, JobMetaError):
        _fail(error.headline, error.hint, error.exit_code, error)
    code, hint = getattr(error, "code", None), getattr(error, "hint", None)
    if code and hint:  # an error of headwater, which started the local session
        _fail(str(getattr(error, "headline", error)), str(hint), getattr(error, "exit_code", 1))
    if getattr(error, "error_code", None):
        from lakeflow_job_meta.results import described  # here: PySpark is slow to import

        _fail(described(error), "Check what the workspace allows you.", 1)
    name = type(error).__name__
    _fail(f"[UNEXPECTED] {name} inside lakeflow-job-meta", "Run again with --debug.", 1)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def _fail(headline: str, hint: str, status: int, error: JobMetaError | None = None) -> NoReturn:
    lines = [f"error: {headline}"]
    if isinstance(error, MetadataError) and len(error.faults) > 1:
        lines += [f"  {fault}" for fault in error.faults]
    elif hint:
        lines.append(f"  fix: {hint}")
    for line in lines:
        click.echo(shown(line), err=True)  # names of rows and files may hold anything
    sys.exit(status)


if __name__ == "__main__":
    main()
