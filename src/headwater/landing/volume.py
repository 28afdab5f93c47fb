"""Landed files in a volume of Unity Catalog, through the Files API.

The path `/Volumes/...` of a cluster knows no hard links, with which a folder makes files appear
once; the API refuses to overwrite. What does not live here: names of files (`claims`), retries
(`steady`).

Source: "Files API" in Databricks' REST reference, read November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import (
    Aborted,
    InternalError,
    NotFound,
    PermissionDenied,
    ResourceConflict,
    TemporarilyUnavailable,
    TooManyRequests,
    Unauthenticated,
)
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.files import FilesAPI

from headwater.errors import SinkError, UsageError

_ANSWER_SECONDS = 30
_BUSY = (Aborted, InternalError, TemporarilyUnavailable, TooManyRequests)


class VolumeSink:
    """A folder of a volume; the volume exists already.

    Each file is sent in one request that never overwrites.

    Args:
        folder: `/Volumes/<catalog>/<schema>/<volume>`, and folders below.
        client: of the workspace; the one that the environment names when not given.

    Raises:
        UsageError: SINK_URL_INVALID, SINK_ACCESS_INVALID.
    """

    def __init__(self, folder: str, client: WorkspaceClient | None = None) -> None:
        parts = folder.strip("/").split("/")
        if parts[0] != "Volumes" or len(parts) < 4 or any(p in ("", ".", "..") for p in parts):
            raise UsageError(
                "SINK_URL_INVALID",
                "The sink is not a folder of a volume",
                hint="Write dbfs:/Volumes/CATALOG/SCHEMA/VOLUME, and folders below it.",
            )
        self._folder = "/" + "/".join(parts)
        # of the client itself, `files` sends large files in parts, and retries by itself
        api = (client or _connected()).api_client
        self._files = FilesAPI(api)  # type: ignore[no-untyped-call]
        self._made: set[str] = set()

    def create(self, name: str, content: bytes) -> bool:
        """See `Sink.create`."""
        path = f"{self._folder}/{name}"
        parent = path.rpartition("/")[0]
        with _explained():
            if parent not in self._made:
                self._files.create_directory(parent)
                self._made.add(parent)
            try:
                self._files.upload(path, BytesIO(content), overwrite=False)
            except Aborted:
                raise
            except ResourceConflict:
                if self._is_there(path):
                    return False
                raise
        return True

    def read(self, name: str) -> bytes:
        """See `Sink.read`."""
        with _explained():
            found = self._files.download(f"{self._folder}/{name}").contents
            if found is None:
                raise NotFound("no content")
            with found:
                return found.read()

    def exists(self, name: str) -> bool:
        """See `Sink.exists`."""
        with _explained():
            return self._is_there(f"{self._folder}/{name}")

    def _is_there(self, path: str) -> bool:
        try:
            self._files.get_metadata(path)
        except NotFound:
            return False
        return True

    def list(self, folder: str) -> list[str]:
        """See `Sink.list`."""
        with _explained():
            try:
                found = list(self._files.list_directory_contents(f"{self._folder}/{folder}"))
            except NotFound:
                return []
        return sorted(each.name for each in found if each.name and not each.is_directory)


def _connected() -> WorkspaceClient:
    try:
        return WorkspaceClient(
            config=Config(
                http_timeout_seconds=_ANSWER_SECONDS, retry_timeout_seconds=_ANSWER_SECONDS
            )
        )
    except ValueError:
        raise UsageError(
            "SINK_ACCESS_INVALID",
            "Nothing says how to log in to the workspace of the volume",
            hint="Set DATABRICKS_HOST and DATABRICKS_TOKEN, or log in: databricks auth login.",
        ) from None


@contextmanager
def _explained() -> Iterator[None]:
    """Describe the workspace's answer: its kind, nothing of the request."""
    try:
        yield
    except NotFound:
        raise SinkError(
            "SINK_FILE_MISSING", "The volume, or a file that was listed, is missing"
        ) from None
    except (PermissionDenied, Unauthenticated) as error:
        raise SinkError(
            "SINK_FORBIDDEN",
            f"The workspace refuses access ({type(error).__name__})",
            hint="Check the token, and the privileges READ VOLUME and WRITE VOLUME.",
        ) from None
    except _BUSY as error:
        raise _away(error) from None
    except DatabricksError as error:
        raise SinkError(
            "SINK_REFUSED",
            f"The workspace refuses ({type(error).__name__})",
            hint="Check that the volume exists.",
        ) from None
    except OSError as error:  # the SDK raises TimeoutError and errors of requests
        raise _away(error) from None


def _away(error: Exception) -> SinkError:
    said = f"The workspace does not answer ({type(error).__name__})"
    return SinkError("SINK_AWAY", said, is_transient=True)
