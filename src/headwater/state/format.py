"""The version of a state folder's layout: `<state>/format.json` holds {"format": 1}.

The number goes up when a folder or file of the state moves, or means something else. What only
reads (`show`, `events`, `graph`, `--validate`) looks at an older state as it is and writes nothing.
What does not live here: what brings an older state up (`migrations`).
"""

from __future__ import annotations

import json
from pathlib import Path

from headwater.errors import UsageError
from headwater.files import write_atomic

FORMAT = 1
"""What this version writes; 0 is that of states from before there was a number."""


def check_format(root: Path, newest: int = FORMAT) -> None:
    """Refuse a state that a newer Headwater made; writes nothing.

    Raises:
        UsageError: STATE_NEWER, STATE_FORMAT_INVALID.
    """
    found = read_format(root)
    if found is not None and found > newest:
        raise UsageError(
            "STATE_NEWER",
            f"The state has format {found}, and this Headwater knows formats up to {newest}",
            where=str(root),
            hint="Use the version that wrote it, or another folder with --state.",
            found=found,
            newest=newest,
        )


def read_format(root: Path) -> int | None:
    """Read the number of a state; None where there is none.

    Raises:
        UsageError: STATE_FORMAT_INVALID.
    """
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


def write_format(root: Path, number: int) -> None:
    """Note the number of a state; durable when this returns."""
    write_atomic(root / "format.json", json.dumps({"format": number}))
