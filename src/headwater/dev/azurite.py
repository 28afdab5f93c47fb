"""A real Blob storage emulator on loopback: Azurite, the blob service only.

It is installed once, from npm, into the cache folder. What does not live here: clients of Blob
storage (`landing`).
"""

from __future__ import annotations

import base64
import http.client
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from headwater.dev.processes import (
    LOOPBACK,
    DevServerError,
    Running,
    Server,
    free_port,
    start,
    wait_until_ready,
)
from headwater.settings import Settings, read_settings

VERSION = "3.35.0"
ACCOUNT = "devstoreaccount1"


@dataclass(frozen=True)
class AzuriteSetup:
    """Where an emulator lives and how it is reached; `key` is a throw-away secret."""

    folder: Path
    port: int
    key: str
    account: str = ACCOUNT

    @property
    def blob_endpoint(self) -> str:
        """Address of the blob service, which names the account in its path."""
        return f"http://{LOOPBACK}:{self.port}/{self.account}"

    @property
    def connection_string(self) -> str:
        """What `BlobServiceClient.from_connection_string` takes."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={self.account};AccountKey={self.key};"
            f"BlobEndpoint={self.blob_endpoint};"
        )

    @property
    def log(self) -> Path:
        """What the emulator prints."""
        return self.folder / "azurite.log"

    @property
    def facts(self) -> dict[str, str]:
        """What a client needs to know."""
        return {
            "blob_endpoint": self.blob_endpoint,
            "account": self.account,
            "key": self.key,
            "connection_string": self.connection_string,
        }

    def launch(self, settings: Settings) -> Server:
        """Start the emulator, without waiting."""
        main = _home(settings) / "node_modules/azurite/dist/src/blob/main.js"
        place = ["--blobHost", LOOPBACK, "--blobPort", str(self.port)]
        options = ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
        return start(
            "azurite",
            [_program("node"), str(main), *place, "--location", str(self.folder), *options],
            self.log,
            {"AZURITE_ACCOUNTS": f"{self.account}:{self.key}"},
        )

    def wait(self, server: Server) -> None:
        """Wait until the emulator answers."""
        wait_until_ready(server, lambda: _answers(self.port), self.log)


class Azurite(Running):
    """A running emulator."""

    def __init__(self, setup: AzuriteSetup, settings: Settings) -> None:
        self.setup = setup
        super().__init__(setup, settings)

    @property
    def blob_endpoint(self) -> str:
        """Address of the blob service: `http://127.0.0.1:PORT/ACCOUNT`."""
        return self.setup.blob_endpoint

    @property
    def account(self) -> str:
        """Name of the storage account."""
        return self.setup.account

    @property
    def key(self) -> str:
        """The account's key."""
        return self.setup.key

    @property
    def connection_string(self) -> str:
        """What `BlobServiceClient.from_connection_string` takes."""
        return self.setup.connection_string


@contextmanager
def azurite(
    folder: Path,
    *,
    settings: Settings | None = None,
    on_fetch: Callable[[str], None] | None = None,
) -> Iterator[Azurite]:
    """Run Azurite in `folder` for the length of a `with` block; it answers when the block begins.

    Args:
        on_fetch: called with what is being installed, before that, once.

    Raises:
        DevServerError: NODE_NOT_FOUND, AZURITE_INSTALL_FAILED, DEV_SERVER_FAILED.
    """
    known = settings or read_settings()
    running = Azurite(prepare_azurite(folder, known, on_fetch), known)
    try:
        yield running
    finally:
        running.stop()


def prepare_azurite(
    folder: Path, settings: Settings, on_fetch: Callable[[str], None] | None = None
) -> AzuriteSetup:
    """Install Azurite where it is missing, choose a port and a key."""
    install_azurite(settings, on_fetch)
    folder.mkdir(parents=True, exist_ok=True)
    key = base64.b64encode(secrets.token_bytes(64)).decode()
    return AzuriteSetup(folder.absolute(), free_port(), key)


def install_azurite(settings: Settings, on_fetch: Callable[[str], None] | None = None) -> None:
    """Install Azurite into the cache; safe to run twice, from several processes, and to be killed.

    Raises:
        DevServerError: NODE_NOT_FOUND, AZURITE_INSTALL_FAILED.
    """
    _program("node")
    folder = _home(settings)
    folder.mkdir(parents=True, exist_ok=True)
    installed = folder / f".installed-{VERSION}"
    with FileLock(folder / ".lock"):
        if installed.exists():
            return
        if on_fetch:
            on_fetch(f"azurite {VERSION} (half a minute)")
        _npm_install(folder)
        installed.touch()


def _npm_install(folder: Path) -> None:
    command = [_program("npm"), "install", "--prefix", str(folder), f"azurite@{VERSION}"]
    done = subprocess.run(  # noqa: S603 - the user's own npm
        [*command, "--no-audit", "--no-fund", "--loglevel=error"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    if done.returncode != 0:
        raise DevServerError(
            "AZURITE_INSTALL_FAILED",
            f"npm could not install azurite {VERSION}",
            where=str(folder),
            hint=f"Check the network and npm's registry; npm said: {done.stderr.strip()[-300:]}",
        )


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise DevServerError(
            "NODE_NOT_FOUND",
            f"Azurite needs Node.js, and `{name}` is not on the path",
            hint="Install Node.js 20 or later with npm.",
        )
    return found


def _home(settings: Settings) -> Path:
    return settings.cache / "azurite"


def _answers(port: int) -> bool:
    """Whether a request is answered at all; without a key the answer is a refusal."""
    wire = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        wire.request("GET", f"/{ACCOUNT}?comp=list")
        return wire.getresponse().status > 0
    except http.client.HTTPException:
        return False
    finally:
        wire.close()
