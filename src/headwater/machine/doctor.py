"""What a machine has and lacks for running pipelines, and how to fix it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from headwater.errors import SettingError
from headwater.machine.jars import PINNED, checksum, jar_paths
from headwater.machine.java import find_java
from headwater.settings import Settings

_LEAST_MEMORY = 3 * 2**30
_LEAST_DISK = 2 * 2**30
_CODECS = {"snappy": "python-snappy", "lz4": "lz4", "zstandard": "zstandard"}


@dataclass(frozen=True)
class Finding:
    """One check: what was found, whether it is fine, and how to fix it."""

    name: str
    value: str
    is_fine: bool
    hint: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Check Java, packages, jars, cache, memory and disk; starts nothing, writes nothing."""
    checks: tuple[Callable[[Settings], Finding], ...] = (
        _java,
        lambda _: _package("pyspark", "4.2.0"),
        lambda _: _package("delta-spark", "4.4.0"),
        lambda _: codecs(),
        lambda _: _pandas(),
        _jars,
        _cache,
        lambda _: _memory(),
        _disk,
    )
    return [check(settings) for check in checks]


def _java(settings: Settings) -> Finding:
    try:
        java = find_java(settings)
    except SettingError as error:
        return Finding("java", error.message, False, error.hint)
    return Finding("java", f"{java.version} at {java.home} (from {java.source})", True)


def _package(name: str, wanted: str) -> Finding:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "not installed", False, f"Run: pip install {name}=={wanted}")
    hint = f"Run: pip install {name}=={wanted}"
    return Finding(name, version, version == wanted, "" if version == wanted else hint)


def codecs(wanted: Mapping[str, str] = _CODECS) -> Finding:
    """Check the codecs that compressed events of a broker need; gzip comes with Python.

    Args:
        wanted: packages by the module that each brings.
    """
    missing = [
        package for module, package in wanted.items() if importlib.util.find_spec(module) is None
    ]
    if missing:
        hint = f"Run: pip install {' '.join(missing)} (headwater land refuses such topics)"
        return Finding("codecs", f"not installed: {', '.join(missing)}", False, hint)
    return Finding("codecs", "gzip, snappy, lz4, zstd", True)


def _pandas() -> Finding:
    """Check what pandas functions need; a workspace has it."""
    try:
        version = importlib.metadata.version("pandas")
    except importlib.metadata.PackageNotFoundError:
        version = "not installed"
    fine = version.startswith("2.")
    hint = "Run: pip install 'pandas<3' (else pandas functions of a pipeline fail)"
    return Finding("pandas", version, fine, "" if fine else hint)


def _jars(settings: Settings) -> Finding:
    missing = [path.name for path in jar_paths(settings) if not path.exists()]
    if missing:
        return Finding("jars", f"missing: {', '.join(missing)}", False, "Run: headwater setup")
    wrong = [
        path.name
        for jar, path in zip(PINNED, jar_paths(settings), strict=True)
        if checksum(path) != jar.sha256
    ]
    if wrong:
        hint = f"Delete them from {settings.cache / 'jars'} and run: headwater setup"
        return Finding("jars", f"damaged: {', '.join(wrong)}", False, hint)
    return Finding("jars", f"{len(PINNED)} in {settings.cache / 'jars'}", True)


def _cache(settings: Settings) -> Finding:
    archives = list((settings.cache / "cds").glob("*.jsa"))
    told = f"{settings.cache} ({'with' if archives else 'without'} class-data archive)"
    return Finding("cache", told, True, "" if archives else "Run: headwater setup")


def _memory() -> Finding:
    free = psutil.virtual_memory().available
    fine = free >= _LEAST_MEMORY
    hint = "Close programs, or set HEADWATER_DRIVER_MEMORY=1g."
    return Finding("memory", f"{free / 2**30:.1f} GiB free", fine, "" if fine else hint)


def _disk(settings: Settings) -> Finding:
    folder = next(each for each in (settings.cache, *settings.cache.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    fine = free >= _LEAST_DISK
    hint = f"Free space on the disk of {folder}."
    return Finding("disk", f"{free / 2**30:.1f} GiB free", fine, "" if fine else hint)


def java_home(settings: Settings) -> Path | None:
    """Name the home of the Java that would run, None when there is none."""
    try:
        return find_java(settings).home
    except SettingError:
        return None
