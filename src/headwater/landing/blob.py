"""Landed files in Azure Blob storage or ADLS Gen2, as block blobs.

What does not live here: names of files (`claims`), retries (`steady`; the SDK's own are off).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobServiceClient, ContainerClient

from headwater.errors import SinkError, UsageError

_SCHEMES = ("abfs", "abfss", "az", "azurite")
_ONE_REQUEST_BYTES = 4 * 1024**3
_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 30
_BUSY = (408, 429)


@dataclass(frozen=True)
class BlobAccess:
    """How to reach the storage account; `DefaultAzureCredential` is used when nothing is set.

    Attributes:
        connection_string: of the account; names the endpoint too, so it also serves Azurite. One
            of another account than the place's is not used: it may be that of the checkpoints.
        sas: a shared access signature, without the account's address.
    """

    connection_string: str | None = None
    sas: str | None = None

    def __repr__(self) -> str:
        return "BlobAccess(...)"  # secrets stay out of logs and tracebacks


@dataclass(frozen=True)
class BlobPlace:
    """A folder of a container: `abfss://container@account.dfs.core.windows.net/folder`."""

    account_host: str
    container: str
    folder: str


def parse_place(url: str) -> BlobPlace:
    """Read the address of a folder.

    Raises:
        UsageError: SINK_URL_INVALID.

    Example:
        >>> parse_place("abfss://raw@lake.dfs.core.windows.net/events").container
        'raw'
    """
    parts = urlsplit(url, allow_fragments=False)
    if parts.scheme not in _SCHEMES or not parts.username or not parts.hostname or parts.password:
        raise UsageError(
            "SINK_URL_INVALID",
            "The sink is not the address of a folder in a container",
            hint="Write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/FOLDER.",
        )
    folder = f"{parts.path}?{parts.query}" if parts.query else parts.path
    folder = folder.strip("/")
    if any(part in (".", "..", "") for part in folder.split("/")) and folder:
        raise UsageError(
            "SINK_URL_INVALID", "The folder of the sink has empty parts", hint="Leave out '..'."
        )
    return BlobPlace(parts.netloc.partition("@")[2], parts.username, folder)


class BlobSink:
    """A folder of a container; the container exists already.

    Each file is sent in one request with `If-None-Match: *`, never in blocks: blocks of two
    writers of one name would mix.

    Args:
        place: the folder.
        access: how to reach the account.
    """

    def __init__(self, place: BlobPlace, access: BlobAccess) -> None:
        self._prefix = f"{place.folder}/" if place.folder else ""
        self._container = _connect(place, access)

    def create(self, name: str, content: bytes) -> bool:
        """See `Sink.create`."""
        try:
            self._container.upload_blob(self._prefix + name, content, overwrite=False)
        except ResourceExistsError as error:
            if _code(error) == "BlobAlreadyExists":
                return False
            raise _failure(error) from None
        except AzureError as error:
            raise _failure(error) from None
        return True

    def read(self, name: str) -> bytes:
        """See `Sink.read`."""
        try:
            return self._container.download_blob(self._prefix + name).readall()
        except AzureError as error:
            raise _failure(error) from None

    def exists(self, name: str) -> bool:
        """See `Sink.exists`."""
        try:
            return self._container.get_blob_client(self._prefix + name).exists()
        except AzureError as error:
            raise _failure(error) from None

    def list(self, folder: str) -> list[str]:
        """See `Sink.list`."""
        start = f"{self._prefix}{folder}/"
        try:
            names = self._container.list_blob_names(name_starts_with=start)
            below = [name[len(start) :] for name in names]
        except AzureError as error:
            raise _failure(error) from None
        return sorted(each for each in below if "/" not in each)


def _connect(place: BlobPlace, access: BlobAccess) -> ContainerClient:
    options: dict[str, Any] = {
        "retry_total": 0,
        "max_single_put_size": _ONE_REQUEST_BYTES,
        "connection_timeout": _CONNECT_SECONDS,
        "read_timeout": _ANSWER_SECONDS,
    }
    try:
        service: BlobServiceClient | None = None
        if access.connection_string:
            service = BlobServiceClient.from_connection_string(access.connection_string, **options)
        if service is None or not _serves(service, place.account_host):
            host = place.account_host.replace(".dfs.", ".blob.")
            credential = access.sas or _default_credential()
            service = BlobServiceClient(f"https://{host}", credential=credential, **options)
    except ValueError:
        raise UsageError(
            "SINK_ACCESS_INVALID",
            "The connection string of the storage account is not valid",
            hint="Copy it again into AZURE_STORAGE_CONNECTION_STRING.",
        ) from None
    return service.get_container_client(place.container)


def _serves(service: BlobServiceClient, host: str) -> bool:
    """Return whether a connection string is of the account in an address.

    Only names in Azure's own form tell: `account.dfs.core.windows.net`. An emulator, or a name of
    one's own for the account, has whatever host the connection string says.
    """
    account, is_azure, _ = host.partition(".dfs.")
    if not is_azure:
        account, is_azure, _ = host.partition(".blob.")
    given, is_named, _ = (service.primary_hostname or "").partition(".blob.core.")
    return not (is_azure and is_named) or account.lower() == given.lower()


def _default_credential() -> TokenCredential:
    from azure.identity import DefaultAzureCredential  # here: slow to import, seldom needed

    return DefaultAzureCredential()


def _failure(error: AzureError) -> SinkError:
    """Describe the storage's answer: its status and code, nothing of the request."""
    if isinstance(error, ResourceNotFoundError) and _code(error) == "BlobNotFound":
        return SinkError("SINK_FILE_MISSING", "A file that was listed is missing from the sink")
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if isinstance(error, ClientAuthenticationError) or status in (401, 403):
        return SinkError(
            "SINK_FORBIDDEN",
            f"The storage refuses access (HTTP {status or 401})",
            hint="Check the key, the SAS, or the role Storage Blob Data Contributor.",
        )
    if status is None or status >= 500 or status in _BUSY:
        cause = f"HTTP {status}" if status else type(error).__name__
        return SinkError("SINK_AWAY", f"The storage does not answer ({cause})", is_transient=True)
    return SinkError(
        "SINK_REFUSED",
        f"The storage refuses (HTTP {status}, {_code(error)})",
        hint="Check that the container exists and that the account takes block blobs.",
    )


def _code(error: AzureError) -> str:
    return str(getattr(error, "error_code", None) or "no code")  # set by the SDK, unknown to types
