"""Read TOML, which Python itself can from 3.11 on."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(file: Path) -> Mapping[str, Any]:
    """Return what a file holds; nothing where there is no file, or none that is TOML."""
    if not file.is_file():
        return {}
    with suppress(tomllib.TOMLDecodeError, UnicodeDecodeError):
        found: Mapping[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        return found
    return {}
