"""Start, wait for and stop a server process, identified by its id and its start time.

An id alone may since belong to another process, so nothing is ever stopped by id alone. What
does not live here: what is started (`kafka`, `azurite`).
"""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from headwater.errors import HeadwaterError
from headwater.settings import Settings, process_environment

LOOPBACK = "127.0.0.1"

_PORTS = range(20_000, 32_000)
"""Below the ports that systems give to outgoing connections (Linux: from 32768): there, a client
that keeps trying to reach a stopped server may be given the server's own port."""


class DevServerError(HeadwaterError, RuntimeError):
    """A development server could not be installed, started or stopped."""


@dataclass(frozen=True)
class Identity:
    """What distinguishes one process from all others: its id, and start (seconds since 1970)."""

    pid: int
    born: float


class Server:
    """A server process that was started here or, known by its identity, by someone else."""

    def __init__(
        self, name: str, identity: Identity, child: subprocess.Popen[bytes] | None = None
    ) -> None:
        self.name = name
        self.identity = identity
        self._child = child

    @property
    def is_running(self) -> bool:
        """Whether exactly that process still runs."""
        return self._process() is not None

    def stop(self, timeout_seconds: float = 30) -> None:
        """Ask the process to end, kill it when it has not after the timeout; safe to repeat."""
        self._end(timeout_seconds, lambda process: process.terminate())

    def kill(self) -> None:
        """End the process at once, as a power cut would; safe to repeat."""
        self._end(10, lambda process: process.kill())

    def _end(self, timeout_seconds: float, how: Callable[[psutil.Process], None]) -> None:
        process = self._process()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                how(process)
                _wait_or_kill(process, timeout_seconds)
        if self._child is not None:
            self._child.wait(timeout=10)

    def _process(self) -> psutil.Process | None:
        if self._child is not None and self._child.poll() is not None:
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.identity.pid)
            is_same = abs(process.create_time() - self.identity.born) < 1
            if is_same and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


class Setup(Protocol):
    """What a server runs with; it can be started again on the same ports and data."""

    def launch(self, settings: Settings) -> Server:
        """Start the server, without waiting."""

    def wait(self, server: Server) -> None:
        """Wait until the server answers."""


class Running:
    """A running server; it can be stopped, killed and started again on the same ports and data."""

    def __init__(self, setup: Setup, settings: Settings) -> None:
        self._setup = setup
        self._settings = settings
        self._start()

    def stop(self) -> None:
        """Shut down in order; safe to repeat."""
        self.server.stop()

    def kill(self) -> None:
        """End at once (SIGKILL), as a power cut would; safe to repeat."""
        self.server.kill()

    def restart(self) -> None:
        """Stop, unless that was done, and start again on the same ports and data."""
        self.stop()
        self._start()

    def _start(self) -> None:
        self.server = self._setup.launch(self._settings)
        self._setup.wait(self.server)


def _wait_or_kill(process: psutil.Process, timeout_seconds: float) -> None:
    try:
        process.wait(timeout=timeout_seconds)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)


def start(
    name: str, command: Sequence[str], log: Path, variables: Mapping[str, str] | None = None
) -> Server:
    """Start a server in a session of its own; what it prints is added to the file `log`.

    Args:
        variables: environment variables on top of this process's own.
    """
    with log.open("ab") as out:
        child = subprocess.Popen(  # noqa: S603 - a program that we installed
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**process_environment(), **(variables or {})},
            start_new_session=True,
        )
    return Server(name, Identity(child.pid, psutil.Process(child.pid).create_time()), child)


def wait_until_ready(
    server: Server, answers: Callable[[], bool], log: Path, timeout_seconds: float = 60
) -> None:
    """Wait until the server answers; stop it when it does not, or when the wait is interrupted.

    Raises:
        DevServerError: DEV_SERVER_FAILED, when it ended or stayed silent.
    """
    deadline = time.monotonic() + timeout_seconds
    try:
        while not _attempt(answers):
            if not server.is_running or time.monotonic() > deadline:
                raise DevServerError(
                    "DEV_SERVER_FAILED",
                    f"{server.name} did not start",
                    where=str(log),
                    hint=f"The end of its log: {last_words(log)}",
                )
            time.sleep(0.02)  # between two questions to a server that is starting
    except BaseException:
        server.kill()
        raise


def _attempt(answers: Callable[[], bool]) -> bool:
    try:
        return answers()
    except OSError:  # nobody listens yet
        return False


def last_words(log: Path) -> str:
    """Return the last line of a log that is not a stack trace's."""
    lines = log.read_text(errors="replace").splitlines()
    said = [line for line in lines if line.strip() and not line.startswith("\t")]
    return said[-1] if said else "none"


def free_port() -> int:
    """Find a loopback port on which nothing listens."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
