"""The version of a state folder's layout: older ones are migrated, newer ones are refused.

    <state>/format.json      {"format": 1}; a state that has none is of format 0
    <state>/format.lock      held by the process that migrates

The number goes up when a folder or file of the state moves, or means something else. What only
reads (`show`, `events`, `graph`, `--validate`) looks at an older state as it is and writes nothing.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from headwater.errors import UsageError
from headwater.files import write_atomic

Migration = Callable[[Path], None]

_FOLDERS = ("tables", "volumes", "pipelines", "warehouse")
"""One of them is in every state folder that holds anything."""


def _renamed_when_opened(root: Path) -> None:
    """Lead from a state without a number to 1: its files are renamed as flows open them."""


MIGRATIONS: tuple[Migration, ...] = (_renamed_when_opened,)
"""The n-th leads from format n to n + 1. It may be killed at any moment, and is then repeated."""

FORMAT = len(MIGRATIONS)
"""What this version writes."""


def check_format(root: Path, newest: int = FORMAT) -> None:
    """Refuse a state that a newer Headwater made; writes nothing.

    Raises:
        UsageError: STATE_NEWER, STATE_FORMAT_INVALID.
    """
    found = _written(root)
    if found is not None and found > newest:
        raise UsageError(
            "STATE_NEWER",
            f"The state has format {found}, and this Headwater knows formats up to {newest}",
            where=str(root),
            hint="Use the version that wrote it, or another folder with --state.",
            found=found,
            newest=newest,
        )


def prepare_state(root: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Make a state folder ready to be written: create it, or migrate an older one.

    Safe to call twice, to be killed, and in two processes at once: the second waits for the first.

    Raises:
        UsageError: STATE_NEWER, STATE_FORMAT_INVALID; STATE_NOT_WRITABLE, where there is something
            to write.
    """
    newest = len(migrations)
    check_format(root, newest)
    if _written(root) == newest:
        return
    from filelock import FileLock  # here: commands that only read start sooner

    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / "format.lock"):
            check_format(root, newest)  # another process may have been first
            _migrate(root, migrations)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise _not_writable(root) from error


def _migrate(root: Path, migrations: Sequence[Migration]) -> None:
    for number in range(_format(root, len(migrations)), len(migrations)):
        migrations[number](root)
        _write(root, number + 1)
    if _written(root) is None:
        _write(root, len(migrations))


def _format(root: Path, newest: int) -> int:
    """Return the format of a state; of one that holds nothing yet, the newest."""
    found = _written(root)
    if found is not None:
        return found
    return 0 if any((root / each).is_dir() for each in _FOLDERS) else newest


def _written(root: Path) -> int | None:
    """Read the number; None where there is none."""
    file = root / "format.json"
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        number = json.loads(text)["format"]
    except (ValueError, LookupError, TypeError):
        number = None
    if type(number) is not int or number < 1:
        raise UsageError(
            "STATE_FORMAT_INVALID",
            "The file that tells the format of the state holds no such number",
            where=str(file),
            hint=f'It is {{"format": {FORMAT}}} for what this version wrote: restore it.',
        )
    return number


def _write(root: Path, number: int) -> None:
    write_atomic(root / "format.json", json.dumps({"format": number}))


def _not_writable(root: Path) -> UsageError:
    return UsageError(
        "STATE_NOT_WRITABLE",
        "The state folder can't be written",
        where=str(root),
        hint="Give this user the right to write there, or pass another folder with --state.",
    )
