"""Choose the sink that an address names.

What does not live here: what a sink does (`local`, `blob`, `volume`).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from headwater.errors import UsageError
from headwater.landing.local import LocalSink
from headwater.landing.sink import Sink


def open_sink(
    url: str,
    *,
    connection_string: str | None = None,
    sas: str | None = None,
    in_workspace: bool = False,
) -> Sink:
    """Open the folder that files are landed in.

    Args:
        url: `file:///folder`, a plain folder, `abfss://container@account.../folder`, or
            `dbfs:/Volumes/catalog/schema/volume/folder`: of the workspace, or of the target in a
            task of a local job.
        connection_string: of the storage account; not used for local folders.
        sas: a shared access signature; not used for local folders.
        in_workspace: whether this process runs on compute of one.

    Raises:
        UsageError: SINK_URL_INVALID, SINK_ACCESS_INVALID.
        SinkError: SINK_REFUSED.
    """
    parts = urlsplit(url, allow_fragments=False)  # a folder may be called a#1, and a?1
    if not parts.scheme:
        return LocalSink(Path(url))
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return LocalSink(Path(unquote(path)))
    if parts.scheme == "file":
        raise UsageError(
            "SINK_URL_INVALID", "The sink is not a local folder", hint="Write file:///FOLDER."
        )
    if parts.scheme == "dbfs":
        folder = f"{parts.netloc}{parts.path}{f'?{parts.query}' if parts.query else ''}"
        is_volume = folder.startswith("/Volumes/")
        if (
            is_volume and Path(folder).is_dir() and not in_workspace
        ):  # the volume of a local job run
            return LocalSink(Path(folder))
        return _made_by("volume", lambda it: it.VolumeSink(folder))
    return _made_by(
        "blob",
        lambda it: it.BlobSink(it.parse_place(url), it.BlobAccess(connection_string, sas)),
    )


def _made_by(name: str, make: Callable[[Any], Sink]) -> Sink:
    """Make a sink of a module that is slow to import."""
    return make(import_module(f"headwater.landing.{name}"))
