"""Write metadata into a folder named after the time, whole or not at all.

    <folder>/20261126T120000Z-prod/schemas.json, tables.json, grants.json, jobs.json, pipelines.json
    <folder>/20261126T120000Z-prod/manifest.json      what there is, and what could not be read

It is written beside its place and renamed: a kill leaves no half backup, and a later one clears up.
What does not live here: what is in it (`metadata`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from headwater.errors import UsageError
from headwater.operations.metadata import Metadata
from headwater.state.store import folder_name

VERSION = 1
_SCRATCH = ".headwater-backup-"
_ABANDONED_SECONDS = 3600.0


def backup_folder(folder: Path, target: str, now: datetime) -> Path:
    """Name the folder of a backup; the target's name can't lead out of it.

    Args:
        now: in UTC.
    """
    return folder / f"{now:%Y%m%dT%H%M%SZ}-{folder_name(target)}"


def manifest_of(
    metadata: Metadata, texts: Mapping[str, str], target: str, now: datetime
) -> dict[str, Any]:
    """Return the manifest of a backup.

    Args:
        texts: content of the files, by name.
    """
    return {
        "version": VERSION,
        "made": now.isoformat(timespec="seconds"),
        "target": target,
        "origin": metadata.origin,
        "files": {
            name: {
                "entries": len(metadata.parts[name.removesuffix(".json")]),
                "sha256": hashlib.sha256(text.encode()).hexdigest(),
            }
            for name, text in texts.items()
        },
        "missing": [asdict(each) for each in metadata.missing],
    }


def write_backup(metadata: Metadata, folder: Path, target: str, now: datetime) -> Path:
    """Write a backup, readable for its owner only, and return its folder; never replaces one.

    Args:
        folder: made if it is not there, and then left out of git.

    Raises:
        UsageError: BACKUP_EXISTS, BACKUP_NOT_WRITTEN.
    """
    place = backup_folder(folder, target, now)
    if place.exists():
        raise UsageError(
            "BACKUP_EXISTS",
            f"There is a backup of this second: {place}",
            hint="Run the command again.",
        )
    texts = {f"{name}.json": _json(entries) for name, entries in metadata.parts.items()}
    scratch: Path | None = None
    try:
        _make(folder)
        _clear(folder)
        scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=folder))
        manifest = _json(manifest_of(metadata, texts, target, now))
        for name, text in {**texts, "manifest.json": manifest}.items():
            _write(scratch / name, text)
        scratch.rename(place)
    except OSError as error:
        raise UsageError(
            "BACKUP_NOT_WRITTEN",
            f"The backup can't be written: {error.strerror}",
            where=str(folder),
            hint="Name a folder that you may write to, on a disk with space.",
        ) from error
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    return place


def _make(folder: Path) -> None:
    """Make the folder of all backups; git, and so the sync of a bundle, leaves a new one out."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        (folder / ".gitignore").write_text("*\n", encoding="utf-8")


def _clear(folder: Path) -> None:
    """Delete what a killed backup left; one that is being written is younger."""
    for each in folder.glob(f"{_SCRATCH}*"):
        with suppress(OSError):
            if time.time() - each.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(each)


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _json(value: object) -> str:
    return json.dumps(value, indent=2, default=str, ensure_ascii=False, sort_keys=True) + "\n"
