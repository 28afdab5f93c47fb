"""The command `python -m claims_analytics.generator`; an error of the user ends in two lines."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from claims_analytics.generator.options import (
    MOST_DELIVERIES,
    MOST_PATIENTS,
    MOST_SKEW,
    VERSIONS,
    OptionError,
    Options,
)
from claims_analytics.generator.runs import Report, generate

_NAME = "python -m claims_analytics.generator"
_DEFAULTS = Options()
_DATE = click.DateTime(["%Y-%m-%d"])


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--patients",
    default=_DEFAULTS.patients,
    show_default=True,
    type=click.IntRange(1, MOST_PATIENTS),
)
@click.option(
    "--seed", default=_DEFAULTS.seed, show_default=True, help="The same seed, the same bytes."
)
@click.option("--start-date", type=_DATE, default=str(_DEFAULTS.start_date), show_default=True)
@click.option("--end-date", type=_DATE, default=str(_DEFAULTS.end_date), show_default=True)
@click.option(
    "--synthea-version", "version", default="real", show_default=True, type=click.Choice(VERSIONS)
)
@click.option(
    "--inject-anomalies", "anomalies", is_flag=True, help="Add what rules warn of and drop."
)
@click.option(
    "--skew", default=0.0, show_default=True, type=click.FloatRange(0, MOST_SKEW), help="0: none."
)
@click.option(
    "--deliveries",
    default=1,
    show_default=True,
    type=click.IntRange(1, MOST_DELIVERIES),
    help="Folders OUT/delivery_1, ... instead of OUT.",
)
@click.option(
    "--truth", type=click.Path(path_type=Path, dir_okay=False), help="Write counts here, as JSON."
)
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON.")
def main(out: Path, truth: Path | None, as_json: bool, **chosen: Any) -> None:
    """Write Synthea's 18 CSV files into OUT, seeded, with control totals that agree to the cent.

    \b
    Examples:
      python -m claims_analytics.generator landing --patients 1000 --seed 7
      python -m claims_analytics.generator landing --deliveries 3 --inject-anomalies \\
        --truth truth.json
    """
    if truth is not None:
        truth.touch()  # before the work, not after it
    report = generate(_options(**chosen), out)
    told = json.dumps(report.as_dict(), indent=2)
    if truth is not None:
        truth.write_text(f"{told}\n")
    click.echo(told if as_json else _summary(report))


def _options(*, start_date: datetime, end_date: datetime, **chosen: Any) -> Options:
    return Options(start_date=start_date.date(), end_date=end_date.date(), **chosen)


def _summary(report: Report) -> str:
    rows = sum(report.rows.values())
    told = [
        f"{rows:,} rows in {len(report.rows)} files, lines complete from {report.complete_from}"
    ]
    for name in ("counts", "dropped", "damaged", "delivered"):
        found = getattr(report, name)
        if found:
            shown = ", ".join(f"{rule} {count:,}" for rule, count in found.items())
            told.append(f"{name}: {shown}")
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
