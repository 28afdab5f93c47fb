"""Which development servers run: started, remembered in a folder, recognized, stopped.

The folder holds `servers.json` and a folder for each server. Its credentials are created by each
start and work only for these servers. What does not live here: how a server is run (`kafka`,
`azurite`), how its settings are shown (`cli`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from headwater.dev.azurite import AzuriteSetup, prepare_azurite
from headwater.dev.kafka import KafkaSetup, prepare_broker
from headwater.dev.processes import Identity, Server
from headwater.errors import UsageError
from headwater.settings import Settings

Setup = AzuriteSetup | KafkaSetup

_KINDS: dict[str, tuple[type[Setup], Callable[..., Setup]]] = {
    "azurite": (AzuriteSetup, prepare_azurite),
    "kafka": (KafkaSetup, prepare_broker),
}
_MARK = ".headwater-dev"
"""File that marks a folder as one of development servers."""

SERVERS = tuple(_KINDS)
"""Names of the servers, in the order in which they are started."""


@dataclass(frozen=True)
class DevServer:
    """A server that was started from a folder.

    Attributes:
        was_started: whether the call that gives this started it; it may have run before.
    """

    name: str
    setup: Setup
    identity: Identity
    was_started: bool = False

    @property
    def process(self) -> Server:
        """The server's process, which may have gone."""
        return Server(self.name, self.identity)


def start_servers(
    folder: Path,
    settings: Settings,
    names: Sequence[str] = SERVERS,
    on_fetch: Callable[[str], None] | None = None,
) -> list[DevServer]:
    """Start the servers of `names` that do not run, each with new data; wait until they all answer.

    Safe to run twice and from several processes; after a kill in the middle, the next call goes on
    from there.

    Raises:
        SettingError, DevServerError: what a server lacks, or why it did not start.
        UsageError: DEV_STATE_NOT_OURS.
    """
    _check_ours(folder)
    with _held(folder):
        (folder / _MARK).touch()
        servers = {server.name: server for server in running_servers(folder)}
        for name in names:
            if name not in servers:
                servers[name] = _start(name, folder, settings, on_fetch)
                _remember(folder, servers.values())
            servers[name].setup.wait(servers[name].process)
        return [servers[name] for name in SERVERS if name in servers]


def running_servers(folder: Path) -> list[DevServer]:
    """Return the remembered servers whose own process still runs; reads only."""
    return [server for server in _remembered(folder) if server.process.is_running]


def stop_servers(folder: Path) -> list[DevServer]:
    """Stop what was started from `folder`, delete its data; return what was still running.

    A folder that servers were never started from stays as it is.
    """
    if not _is_ours(folder):
        return []
    with _held(folder):
        stopped = running_servers(folder)
        for server in stopped:
            server.process.stop()
        for name in SERVERS:
            shutil.rmtree(folder / name, ignore_errors=True)
        _file(folder).unlink(missing_ok=True)
        (folder / _MARK).unlink(missing_ok=True)
    (folder / ".lock").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # it holds what is not ours
        folder.rmdir()
    return stopped


def _start(
    name: str, folder: Path, settings: Settings, on_fetch: Callable[[str], None] | None
) -> DevServer:
    shutil.rmtree(folder / name, ignore_errors=True)
    setup = _KINDS[name][1](folder / name, settings, on_fetch)
    return DevServer(name, setup, setup.launch(settings).identity, was_started=True)


def _is_ours(folder: Path) -> bool:
    return (folder / _MARK).exists() or _file(folder).exists()


def _check_ours(folder: Path) -> None:
    """Refuse a folder that holds what is not ours: a server's data would replace it."""
    if _is_ours(folder) or not folder.exists():
        return
    if not folder.is_dir() or any((folder / name).exists() for name in SERVERS):
        raise UsageError(
            "DEV_STATE_NOT_OURS",
            f"'{folder}' is not a folder, or has a folder of a server that was not started from it",
            hint="Name another folder with --state: what servers hold is deleted when they stop.",
        )


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield


def _file(folder: Path) -> Path:
    return folder / "servers.json"


def _remember(folder: Path, servers: Iterable[DevServer]) -> None:
    told = {
        server.name: {
            "process": dataclasses.asdict(server.identity),
            "setup": dataclasses.asdict(server.setup),
        }
        for server in servers
    }
    scratch = folder / ".servers.json"
    scratch.touch(mode=0o600)
    scratch.write_text(json.dumps(told, default=os.fspath, indent=2))
    scratch.replace(_file(folder))


def _remembered(folder: Path) -> list[DevServer]:
    try:
        told = json.loads(_file(folder).read_text())
        return [_server(name, each) for name, each in told.items()]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []  # none were started, or the file is another version's


def _server(name: str, told: dict[str, Any]) -> DevServer:
    setup = {**told["setup"], "folder": Path(told["setup"]["folder"])}
    return DevServer(name, _KINDS[name][0](**setup), Identity(**told["process"]))
