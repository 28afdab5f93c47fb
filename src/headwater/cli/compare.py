"""`headwater compare`: show what a change does to the tables of a pipeline."""

from __future__ import annotations

import secrets

import click

from headwater.cli.options import key_values, names, variable_values
from headwater.cli.render import print_json
from headwater.cli.sessions import command_session
from headwater.comparison.compare import CompareRequest, compare, two_sides
from headwater.comparison.report import as_dict, as_markdown
from headwater.sandbox.connectors import connectors_of
from headwater.settings import read_settings
from headwater.state.target import Target


def show_comparison(
    target: Target,
    pipeline: str | None,
    request: CompareRequest,
    *,
    shows_values: bool,
    as_json: bool,
) -> int:
    """Compare, and print what differs; return the exit status, 1 when anything does."""
    spec = target.bundle.pipeline(pipeline)
    secret = secrets.token_bytes()
    with (
        two_sides(target, spec.key, request, read_settings()) as sides,
        command_session(sides.head, connectors=connectors_of(spec, target.bundle.root)) as spark,
    ):
        found = compare(spark, sides, target, spec.key, request, _tell)
    if as_json:
        print_json(as_dict(found, secret, shows_values=shows_values))
    else:
        click.echo(as_markdown(found, secret, shows_values=shows_values), nl=False)
    return 0 if found.is_none else 1


def request_of(
    base: str,
    sample: int | None,
    keys: tuple[str, ...],
    ignored: str | None,
    variables: tuple[str, ...],
) -> CompareRequest:
    """Read the options of the command.

    Raises:
        UsageError: VARIABLE_INVALID, for a --key that is not TABLE=COLUMN,...
    """
    columns = {table: names(each) for table, each in key_values(keys, "--key").items()}
    return CompareRequest(base, sample, columns, names(ignored), variable_values(variables))


def _tell(line: str) -> None:
    click.echo(line, err=True)
