"""What serverless environments and clusters install from a volume: requirements, and built wheels.

What does not live here: putting it into the volume (`environment`).
"""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from headwater.bundle.libraries import local_path
from headwater.bundle.load import TargetTree
from headwater.errors import UsageError

REQUIREMENTS = Path("infrastructure/requirements.txt")
LIBRARIES = Path("infrastructure/external_libs")
_BACKEND = "hatchling"
BUILD_SECONDS = 300


@dataclass(frozen=True)
class EnvironmentFile:
    """A file for the volume."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest of its content."""
        return hashlib.sha256(self.content).hexdigest()


def environment_files(seen: TargetTree, volume_path: str) -> list[EnvironmentFile]:
    """Build all wheels in a folder that is deleted again, and return them, the requirements last.

    Wheels: of the bundle's `artifacts`, and of each project in `infrastructure/external_libs`.
    Requirements: those of `infrastructure/requirements.txt`, and the latter wheels by their paths.
    The same sources give the same bytes.

    Raises:
        UsageError: REQUIREMENTS_MISSING, BUILD_TOOL_MISSING, BUILD_BACKEND_UNKNOWN, BUILD_FAILED.
    """
    source = seen.root / REQUIREMENTS
    if not source.is_file():
        raise UsageError(
            "REQUIREMENTS_MISSING",
            "There is no file of requirements",
            where=str(source),
            hint="Make it; it may be empty.",
        )
    own = [built_wheel(project) for project in artifact_projects(seen)]
    libraries = [built_wheel(project) for project in library_projects(seen.root)]
    lines = [source.read_text("utf-8").rstrip("\n")]
    lines += [f"{volume_path}/{wheel.name}" for wheel in libraries]
    text = "\n".join(line for line in lines if line) + "\n"
    return [*own, *libraries, EnvironmentFile("requirements.txt", text.encode())]


def artifact_projects(seen: TargetTree) -> list[Path]:
    """Return the folders of the wheels that the bundle itself builds."""
    found = []
    for artifact in seen.named.below("artifacts").values():
        kind, path = artifact.get("type"), artifact.get("path")
        if kind is not None and kind.text == "whl":
            found.append(local_path(path, seen.root) if path else seen.root)
    return found


def library_projects(root: Path) -> list[Path]:
    """Return the folders of the libraries that are shipped with the bundle, by name."""
    return sorted(each.parent for each in (root / LIBRARIES).glob("*/pyproject.toml"))


def built_wheel(project: Path) -> EnvironmentFile:
    """Build the wheel of a project with hatchling, without a network; its folder stays as it is.

    Raises:
        UsageError: BUILD_TOOL_MISSING, BUILD_BACKEND_UNKNOWN, BUILD_FAILED.
    """
    _check_buildable(project)
    with tempfile.TemporaryDirectory() as folder:
        done = _build(project, folder)
        wheels = sorted(Path(folder).glob("*.whl"))
        if done != 0 or len(wheels) != 1:
            raise _failed(project, f"hatchling ended with {done} and {len(wheels)} wheels")
        return EnvironmentFile(wheels[0].name, wheels[0].read_bytes())


def _build(project: Path, folder: str) -> int:
    command = [sys.executable, "-m", _BACKEND, "build", "--target", "wheel", "--directory", folder]
    try:
        return subprocess.run(  # noqa: S603 - our own Python, on the user's project
            command, cwd=project, capture_output=True, timeout=BUILD_SECONDS, check=False
        ).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(project, type(error).__name__) from error


def _check_buildable(project: Path) -> None:
    file = project / "pyproject.toml"
    if not file.is_file() or f"{_BACKEND}.build" not in file.read_text("utf-8"):
        raise UsageError(
            "BUILD_BACKEND_UNKNOWN",
            "A wheel can't be built: its pyproject.toml does not name hatchling",
            where=str(file),
            hint='Write build-backend = "hatchling.build".',
        )
    if importlib.util.find_spec(_BACKEND) is None:
        raise UsageError(
            "BUILD_TOOL_MISSING",
            "hatchling, which builds wheels, is not installed",
            hint="pip install 'headwater[build]'",
        )


def _failed(project: Path, said: str) -> UsageError:
    return UsageError(
        "BUILD_FAILED",
        f"The wheel was not built: {said}",
        where=str(project),
        hint="Run there: python -m hatchling build -t wheel",
    )
