"""Pass paths of files to Spark, whatever characters their names have.

Spark's readers treat a path as a pattern, and Hadoop's local file system trips over colons, such as
those of a time. A file of such a name is read through a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from headwater.autoloader.storage import SourceFile, is_remote

_SPECIAL = re.compile(r"[\\*?\[\]{}:]")


@contextmanager
def spark_paths(files: Sequence[SourceFile]) -> Iterator[dict[str, SourceFile]]:
    """Serve each local file to a batch reader under one path, within a `with` block.

    Example:
        >>> with spark_paths([SourceFile("/in/a.json", 1, 1)]) as paths:
        ...     list(paths)
        ['/in/a.json']
    """
    with TemporaryDirectory(prefix="headwater-") as folder:
        found = {}
        for number, file in enumerate(files):
            path = file.path
            if is_special(path):
                path = link_to(path, Path(folder, str(number), _SPECIAL.sub("_", _name(path))))
            found[path] = file
        yield found


def is_special(path: str) -> bool:
    """Whether Spark treats a path as a pattern, or fails on it."""
    return _SPECIAL.search(path) is not None


def needs_link(path: str) -> bool:
    """Whether Spark can't open a file under its own name, even if it takes no patterns."""
    return not is_remote(path) and ":" in _name(path)


def link_to(path: str, link: Path) -> str:
    """Make a link to a file, in place of one that is there; return its path."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(path)
    return str(link)


def _name(path: str) -> str:
    return path.rpartition("/")[2]
