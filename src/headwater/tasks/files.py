"""Write files into volumes, which Python's own file functions find everywhere."""

from __future__ import annotations

import os


def save(content: bytes, path: str) -> None:
    """Write a file under a hidden name, and rename it: no reader sees half of it."""
    folder, _, name = path.rpartition("/")
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    scratch = f"{folder}/.{name}"
    with open(scratch, "wb") as file:  # noqa: PTH123
        file.write(content)
    os.replace(scratch, path)  # noqa: PTH105
