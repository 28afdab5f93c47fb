"""`headwater dev up|status|down`: real servers on this machine to develop and test against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.lazy import LazyModule
from headwater.settings import read_settings

if TYPE_CHECKING:
    from headwater.cli import render
    from headwater.dev import state as servers_on
    from headwater.dev.state import DevServer
else:
    render = LazyModule("headwater.cli.render")
    servers_on = LazyModule("headwater.dev.state")

_NAMES = ("azurite", "kafka")

_state = click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=".headwater/dev-servers",
    show_default=True,
    help="Folder of the servers' data and settings.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def dev() -> None:
    """Run a real Kafka broker and Blob storage on this machine, for development.

    \b
    Example:
      headwater dev up
      headwater dev status --json
      headwater dev down
    """


@dev.command()
@click.argument("servers", nargs=-1, type=click.Choice(_NAMES))
@_state
@_json
def up(servers: tuple[str, ...], state: Path, as_json: bool) -> None:
    """Start SERVERS (all by default) and print how to reach them.

    \b
    Example:
      headwater dev up
    """

    def tell(what: str) -> None:
        click.echo(f"fetching {what}", err=True)

    _show(
        servers_on.start_servers(state, read_settings(), servers or _NAMES, tell), as_json=as_json
    )


@dev.command()
@_state
@_json
def status(state: Path, as_json: bool) -> None:
    """Show which servers run, and how to reach them.

    \b
    Example:
      headwater dev status
    """
    _show(servers_on.running_servers(state), as_json=as_json)


@dev.command()
@_state
def down(state: Path) -> None:
    """Stop the servers that were started from the state folder, and delete their data.

    \b
    Example:
      headwater dev down
    """
    stopped = servers_on.stop_servers(state)
    for server in stopped:
        click.echo(f"{server.name}: stopped (process {server.identity.pid})")
    if not stopped:
        click.echo("No development server is running.")


def _show(servers: list[DevServer], *, as_json: bool) -> None:
    if as_json:
        render.print_json({server.name: _facts(server) for server in servers})
        return
    for server in servers:
        since = "started" if server.was_started else "runs"
        click.echo(f"{server.name}: {since} (process {server.identity.pid})")
        render.print_rows([{"setting": k, "value": v} for k, v in server.setup.facts.items()])
    if servers:
        click.echo("These credentials were made for these servers and open nothing else.")
    else:
        click.echo("No development server is running. Start them: headwater dev up")


def _facts(server: DevServer) -> dict[str, Any]:
    return {
        "pid": server.identity.pid,
        "was_started": server.was_started,
        "log": str(server.setup.log),
        **server.setup.facts,
    }
