"""What the options of `headwater run` ask for, as one value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """Which tables and flows an update is about; see `engine.update.UpdateRequest`."""

    validate: bool = False
    strict: bool = False
    full_refresh: tuple[str, ...] = ()
    refresh: tuple[str, ...] = ()
    refresh_failed: bool = False
    reset_checkpoints: tuple[str, ...] = ()
