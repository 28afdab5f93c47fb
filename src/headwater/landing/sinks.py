"""Choose the sink that an address names.

What does not live here: what a sink does (`local`, `blob`).
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from headwater.errors import UsageError
from headwater.landing.local import LocalSink
from headwater.landing.sink import Sink


def open_sink(url: str, *, connection_string: str | None = None, sas: str | None = None) -> Sink:
    """Open the folder that files are landed in.

    Args:
        url: `file:///folder`, a plain folder, or `abfss://container@account.../folder`.
        connection_string: of the storage account; not used for local folders.
        sas: a shared access signature; not used for local folders.

    Raises:
        UsageError: SINK_URL_INVALID.
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
    from headwater.landing.blob import BlobAccess, BlobSink, parse_place  # here: a slow import

    return BlobSink(parse_place(url), BlobAccess(connection_string, sas))
