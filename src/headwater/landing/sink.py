"""What landing asks of a storage: files that appear complete, once, and never change.

`local`, `blob` and `volume` implement it; `steady` adds retries. What does not live here: what
files hold.
"""

from __future__ import annotations

from typing import Protocol


class Sink(Protocol):
    """A folder of files; names are relative, with `/`. Used by several threads at once."""

    def create(self, name: str, content: bytes) -> bool:
        """Create a file whose content is durable when this returns; False if it already exists.

        Of several writers, in any process, one creates the file; a reader sees all of it or
        nothing.

        Raises:
            SinkError: with `is_transient` where waiting may help.
        """

    def read(self, name: str) -> bytes:
        """Read a small file.

        Raises:
            SinkError: SINK_FILE_MISSING, and what `create` raises.
        """

    def exists(self, name: str) -> bool:
        """Return whether a file exists, at the moment of asking."""

    def list(self, folder: str) -> list[str]:
        """List the names of files directly in a folder, sorted; none where it does not exist."""
