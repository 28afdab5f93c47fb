"""What one source of a running stream has still to read, of the files that were entered for it."""

from __future__ import annotations

from pathlib import Path

from headwater.autoloader.commits import files_between
from headwater.autoloader.manifest import Manifest


class FileBacklog:
    """Counts down the files of a source, micro-batch by micro-batch.

    Each call reads what the checkpoint noted since the last one; the first one reads all of it.

    Args:
        manifest: the folder that Spark's source names as its path.
        sources: the checkpoint's folder of what the source has read.
    """

    def __init__(self, manifest: Path, sources: Path) -> None:
        self._sources = sources
        self._offset = -1
        self._sizes = {each.key: each.size for each in Manifest(manifest.parent).entries()}

    def after(self, offset: int) -> tuple[int, int]:
        """Return bytes and number of the files that come after an offset of Spark's source.

        Raises:
            OSError: the checkpoint can't be read.
        """
        for key in files_between(self._sources, self._offset, offset):
            self._sizes.pop(key, None)
        self._offset = offset
        return sum(self._sizes.values()), len(self._sizes)
