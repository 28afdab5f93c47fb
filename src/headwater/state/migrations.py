"""Bring a state folder of an older layout up to this version's, before anything is written there.

A table of steps, each from one format to the next. The number is written after each step, so that a
kill repeats one step; `<state>/format.lock` is held meanwhile.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import FileLock

from headwater.errors import UsageError
from headwater.state.format import check_format, read_format, write_format

Migration = Callable[[Path], None]

_FOLDERS = ("tables", "volumes", "pipelines", "warehouse")
"""One of them is in every state folder that holds anything."""


_NOT_WRITABLE = (
    errno.EACCES,
    errno.EDQUOT,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)


def _renamed_when_opened(root: Path) -> None:
    """Lead from a state without a number to 1: its files are renamed as flows open them."""


MIGRATIONS: tuple[Migration, ...] = (_renamed_when_opened,)
"""The n-th leads from format n to n + 1. It may be killed at any moment, and is then repeated."""


def prepare_state(root: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make a state folder ready to be written: create it, or migrate an older one.

    Safe to call twice, to be killed, and in two processes at once: the second waits for the first.

    Raises:
        UsageError: STATE_NEWER, STATE_FORMAT_INVALID; STATE_NOT_WRITABLE, where there is something
            to write.
    """
    newest = len(migrations)
    check_format(root, newest)
    if read_format(root) == newest:
        return
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / "format.lock"):
            check_format(root, newest)  # another process may have been first
            _migrate(root, migrations)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        raise UsageError(
            "STATE_NOT_WRITABLE",
            "The state folder can't be written",
            where=str(root),
            hint="Make room, give this user the right to write there, or pass another folder "
            "with --state.",
        ) from error


def _migrate(root: Path, migrations: Sequence[Migration]) -> None:
    for number in range(_format(root, len(migrations)), len(migrations)):
        migrations[number](root)
        write_format(root, number + 1)
    if read_format(root) is None:
        write_format(root, len(migrations))


def _format(root: Path, newest: int) -> int:
    """Return the format of a state; of one that holds nothing yet, the newest."""
    found = read_format(root)
    if found is not None:
        return found
    return 0 if any((root / each).is_dir() for each in _FOLDERS) else newest
