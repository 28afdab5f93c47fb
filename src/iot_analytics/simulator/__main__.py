"""The command `python -m iot_analytics.simulator`; an error of the user ends in two lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from iot_analytics.simulator.options import (
    LEAST_DEVICES,
    MOST_DAYS,
    MOST_DEVICES,
    OptionError,
    Options,
)
from iot_analytics.simulator.truth import FILE
from iot_analytics.simulator.waves import simulate, write_wave

_NAME = "python -m iot_analytics.simulator"
_DEFAULTS = Options()
_TIME = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The landing folder; it is made.",
)
@click.option(
    "--devices",
    default=_DEFAULTS.devices,
    show_default=True,
    type=click.IntRange(LEAST_DEVICES, MOST_DEVICES),
)
@click.option(
    "--days", default=_DEFAULTS.days, show_default=True, type=click.IntRange(1, MOST_DAYS)
)
@click.option(
    "--waves",
    default=_DEFAULTS.waves,
    show_default=True,
    type=click.IntRange(1),
    help="In how many parts the files land.",
)
@click.option(
    "--wave", type=click.IntRange(1), help="Write this wave only.  [default: all of them]"
)
@click.option(
    "--seed", default=_DEFAULTS.seed, show_default=True, help="The same seed, the same bytes."
)
@click.option(
    "--start",
    type=_TIME,
    default=_DEFAULTS.start.isoformat(),
    show_default=True,
    help="When devices begin to report (UTC); all of it should be past.",
)
@click.option("--json", "as_json", is_flag=True, help=f"Print what {FILE} says.")
def main(out: Path, wave: int | None, as_json: bool, **chosen: Any) -> None:
    """Write events and changes of a simulated fleet into a landing folder, and truth.json.

    \b
    Examples:
      python -m iot_analytics.simulator --out landing --devices 50 --days 3 --waves 3
      python -m iot_analytics.simulator --out landing --waves 3 --wave 1
    """
    options = Options(**chosen)
    truth = simulate(options, out) if wave is None else write_wave(options, wave, out)
    click.echo(json.dumps(truth, indent=2) if as_json else _summary(truth))


def _summary(truth: dict[str, Any]) -> str:
    """Tell for each feed what has landed, a line each."""
    told = [f"waves: {', '.join(truth['waves'])} of {truth['options']['waves']}"]
    for feed, counts in truth["total"].items():
        rest = ", ".join(f"{name} {n:,}" for name, n in counts.items() if n and name != "lines")
        told.append(f"{feed}: {counts['lines']:,} lines ({rest})")
    return "\n".join(told)


def run() -> NoReturn:
    """Run the command and end the process: 0 fine, 1 an interrupt, 2 what the user can mend."""
    try:
        main.main(prog_name=_NAME, standalone_mode=False)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _fail("INTERRUPTED", "Stopped by an interrupt", "Run again: the same files come.", 1)
    except click.ClickException as error:
        _fail("USAGE", error.format_message().splitlines()[0], f"See: {_NAME} --help", 2)
    except OptionError as error:
        _fail("OPTION_INVALID", error.message, error.hint, 2)
    except OSError as error:
        _fail("NOT_WRITTEN", _told(error), "Name a folder that can be written.", 2)
    sys.exit(0)


def _told(error: OSError) -> str:
    said = str(error.strerror or error)
    return f"{error.filename}: {said}" if error.filename else said


def _fail(code: str, message: str, hint: str, status: int) -> NoReturn:
    click.echo(f"error: [{code}] {message}", err=True)
    click.echo(f"  fix: {hint}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    run()
