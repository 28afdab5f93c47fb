"""Which process holds something, in a text that other processes can ask: is it gone?

Only who sees the same processes can know: the same boot of a machine, and the same namespace of
process ids. Of all others, and where there is no `/proc`, nothing is ever said to be gone.
"""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_PARTS = 4
_ENDED = frozenset("ZXx")
"""States of a process that has ended, though its parent has not asked for its status yet."""


def this_process() -> str:
    """Name this process as `is_gone` reads it; "" where it can't be told from others."""
    namespace = _namespace()
    found = _looked_up(str(os.getpid())) if namespace else None
    return f"{namespace}/{os.getpid()}/{found[1]}" if found else ""


def is_gone(process: str) -> bool:
    """Return whether a process is known to have ended.

    A process that came later may have its number; it was created at another time.

    Args:
        process: what `this_process` gave there.
    """
    parts = process.split("/")
    if len(parts) != _PARTS or "/".join(parts[:2]) != _namespace():
        return False
    pid, created = parts[2:]
    try:
        os.kill(int(pid), 0)  # asks, and sends nothing
    except ProcessLookupError:
        return True
    except (OSError, OverflowError, ValueError):
        pass  # somebody else's, or no number
    found = _looked_up(pid)
    return found is not None and (found[0] in _ENDED or found[1] != created)


def _namespace() -> str:
    """Name what sees the same process ids: a boot of a machine, and a namespace of it."""
    try:
        if os.readlink(_PROC / "self") != str(os.getpid()):  # noqa: PTH115 - a number, no path
            return ""  # the folder belongs to another namespace
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.stat(_PROC / 'self/ns/pid').st_ino}"  # noqa: PTH116 - follows the link
    except OSError:
        return ""


def _looked_up(pid: str) -> tuple[str, str] | None:
    """Look up the state of a process, and when it was created, in ticks since the boot."""
    try:
        told = (_PROC / pid / "stat").read_text()
    except OSError:
        return None
    fields = told.rpartition(")")[2].split()  # the name before may hold anything
    return fields[0], fields[19]
