"""`api_jobs/`: a bundle's jobs as JSON files, one per job, and whether they are still the bundle's.

What does not live here: the settings themselves (`headwater.bundle.job_settings`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headwater.bundle.load import TargetTree
from headwater.bundle.secrets import masked
from headwater.errors import UsageError
from headwater.files import write_atomic
from headwater.operations.shaped_jobs import shaped_jobs
from headwater.yaml_nodes import Node

FOLDER = "api_jobs"
_FILE_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class FileChange:
    """What becomes of one file: `create`, `change`, `remove` or `nothing`."""

    file: Path
    action: str
    text: str = ""


def rendered_jobs(settings: Mapping[str, Node]) -> Mapping[str, str]:
    """Return the text of each job's file, by the job's key; secrets in plain text are `***`.

    Raises:
        UsageError: JOB_KEY_INVALID for a key that is no name of a file.
    """
    for key, node in settings.items():
        if not _FILE_NAME.fullmatch(key):
            raise UsageError(
                "JOB_KEY_INVALID",
                f"The key of a job is no name of a file: {key!r}",
                where=node.location,
                hint="Name it with letters, digits, '_', '-' and '.'.",
            )
    return {key: _text(masked(node).plain()) for key, node in settings.items()}


def _text(settings: object) -> str:
    return json.dumps(settings, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def file_changes(seen: TargetTree, folder: Path) -> list[FileChange]:
    """Return what writing the files of a target would change; reads only.

    Args:
        folder: the folder of all targets; that of the target is below it.

    Raises:
        BundleError, UsageError: as `job_settings` and `rendered_jobs`.
    """
    place = folder / seen.target
    wanted = {place / f"{key}.json": text for key, text in rendered_jobs(shaped_jobs(seen)).items()}
    there = {file: file.read_text("utf-8") for file in place.glob("*.json")}
    changes = [
        FileChange(file, _action(there.get(file), text), text) for file, text in wanted.items()
    ]
    changes += [FileChange(file, "remove") for file in there if file not in wanted]
    return sorted(changes, key=lambda each: each.file)


def _action(before: str | None, after: str) -> str:
    if before is None:
        return "create"
    return "nothing" if before == after else "change"


def write_files(changes: list[FileChange]) -> None:
    """Write and remove what changes; each file is replaced whole, and twice changes nothing.

    Raises:
        UsageError: JOB_FILE_NOT_WRITTEN.
    """
    for each in changes:
        try:
            if each.action == "remove":
                each.file.unlink(missing_ok=True)
            elif each.action != "nothing":
                write_atomic(each.file, each.text)
        except OSError as error:
            raise UsageError(
                "JOB_FILE_NOT_WRITTEN",
                f"The file of a job can't be written: {error.strerror}",
                where=str(each.file),
                hint="Name a folder that you may write to with --out, and run it again.",
            ) from error
