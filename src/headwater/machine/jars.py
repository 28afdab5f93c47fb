"""The jars that Spark needs for Delta: pinned, checked by SHA-256, kept in one cache.

They come from Maven Central, whose address is the built-in default of the Ivy that PySpark
ships, or from the mirror in `HEADWATER_MAVEN_REPOSITORY`. Spark's own jars are PySpark's.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import SettingError
from headwater.settings import Settings


@dataclass(frozen=True)
class Jar:
    """One artifact of a Maven repository and the checksum it must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The artifact's file name, as repositories spell it."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """The artifact's path below a repository's root."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


PINNED = (
    Jar(
        "io.delta",
        "delta-kernel-api",
        "4.4.0",
        "ee9b5a14ac3b7efdff4d61a58478fe8eb0e5a3fbca43889dca7290795fe79a11",
    ),
    Jar(
        "io.delta",
        "delta-kernel-defaults",
        "4.4.0",
        "225c975199e4718b38ee5b7e6da7f19e9585024262b2cec2656b32151a856b0b",
    ),
    Jar(
        "io.delta",
        "delta-kernel-unitycatalog",
        "4.4.0",
        "cea22dfb4ac562b3cd27bf652697750e8336009d73fb06631363aaaad5345ffa",
    ),
    Jar(
        "io.delta",
        "delta-spark_4.2_2.13",
        "4.4.0",
        "27d4fd8b1f879535c573ed1c718177d6a27f24d3e626ba02e216369725721ead",
    ),
    Jar(
        "io.delta",
        "delta-storage",
        "4.4.0",
        "c46735481fa8e326b0957be02b4420cbcab4b325bb08009b7f2045a95133f1cc",
    ),
    Jar(
        "io.unitycatalog",
        "unitycatalog-client",
        "0.6.0",
        "48257499a86b801a3e2372cec55ac226ca1c1c7eabe5c118e7302f29a1fdbc19",
    ),
    Jar(
        "io.unitycatalog",
        "unitycatalog-hadoop",
        "0.6.0",
        "c47b63c961c87102b9e1d63809a0915ba4c86b7652f57c8d39ca3a05b441a150",
    ),
)

AZURE = (
    Jar(
        "org.apache.hadoop",
        "hadoop-azure",
        "3.5.0",
        "220b5db238b82437960e4b81c7e3eefa4eff2a03ad502887497f11d0ad86e663",
    ),
    Jar(
        "org.apache.hadoop.thirdparty",
        "hadoop-shaded-guava",
        "1.5.0",
        "70d5c152622df6fffbf8836af7833215dc7acdd5d9c881af11b8c0fbf30cdc0a",
    ),
    Jar(
        "org.wildfly.openssl",
        "wildfly-openssl",
        "2.2.5.Final",
        "71fb7932f99a727edb23c5a2cb8c6855ac7196fad41aa0669b3998e277165154",
    ),
)
"""What Spark needs for `abfs://`; hadoop-azure has the version of the Hadoop in PySpark."""


def jar_paths(settings: Settings) -> tuple[Path, ...]:
    """Return where the cached jars are, or would be."""
    return tuple(settings.cache / "jars" / jar.file_name for jar in PINNED)


def ensure_jars(
    settings: Settings, on_fetch: Callable[[Jar], None] | None = None
) -> tuple[Path, ...]:
    """Return the paths of all jars, fetching those that the cache lacks.

    Safe to run twice and from several processes: a jar appears complete, under its final name,
    after its checksum was verified. `on_fetch` is called before each download.

    Raises:
        SettingError: JAR_DOWNLOAD_FAILED, JAR_CHECKSUM_WRONG.
    """
    return fetch_jars(PINNED, settings.cache / "jars", settings, on_fetch)


def azure_jars(settings: Settings) -> tuple[Path, ...]:
    """Return the paths of the jars for Azure storage, fetching those that the cache lacks.

    Raises:
        SettingError: JAR_DOWNLOAD_FAILED, JAR_CHECKSUM_WRONG.
    """
    return fetch_jars(AZURE, settings.cache / "jars", settings)


def fetch_jars(
    jars: Sequence[Jar],
    folder: Path,
    settings: Settings,
    on_fetch: Callable[[Jar], None] | None = None,
) -> tuple[Path, ...]:
    """Return the paths of `jars` in `folder`, fetching those that it lacks, as `ensure_jars` does.

    Raises:
        SettingError: CACHE_NOT_WRITABLE, JAR_DOWNLOAD_FAILED, JAR_CHECKSUM_WRONG.
    """
    paths = tuple(folder / jar.file_name for jar in jars)
    for jar, path in zip(jars, paths, strict=True):
        if not path.exists():
            if on_fetch:
                on_fetch(jar)
            _fetch(jar, path, settings.repository or default_repository())
    return paths


def _fetch(jar: Jar, path: Path, repository: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            "CACHE_NOT_WRITABLE",
            f"The cache folder can't be made: {path.parent}: {error.strerror}",
            hint="Set HEADWATER_CACHE to a folder that you may write to.",
        ) from None
    url = f"{repository.rstrip('/')}/{jar.path}"
    with _scratch_file(path.parent) as scratch:
        try:
            with (
                urllib.request.urlopen(url, timeout=60) as answer,  # noqa: S310 - a setting
                scratch.open("wb") as out,
            ):
                shutil.copyfileobj(answer, out)
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise SettingError(
                "JAR_DOWNLOAD_FAILED",
                f"{jar.file_name} could not be fetched: {getattr(error, 'reason', error)}",
                hint="Check the network, or set HEADWATER_MAVEN_REPOSITORY to a mirror.",
            ) from error
        if checksum(scratch) != jar.sha256:
            raise SettingError(
                "JAR_CHECKSUM_WRONG",
                f"{jar.file_name} is not the file that was pinned",
                hint="The repository or a proxy changed it; nothing was kept. Try another mirror.",
            )
        scratch.replace(path)


@contextmanager
def _scratch_file(folder: Path) -> Iterator[Path]:
    """A path for a file being written, deleted at the end unless it was moved away."""
    handle, name = tempfile.mkstemp(dir=folder, prefix=".part-")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def checksum(path: Path) -> str:
    """Compute the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def default_repository() -> str:
    """Read the address of Maven Central from the Ivy that PySpark ships.

    Raises:
        SettingError: JAR_REPOSITORY_UNKNOWN, when PySpark's Ivy holds none.
    """
    for ivy in sorted((spark_home() / "jars").glob("ivy-*.jar")):
        for address in _addresses(ivy):
            return address
    raise SettingError(
        "JAR_REPOSITORY_UNKNOWN",
        "PySpark's Ivy settings have no Maven repository",
        hint="Set HEADWATER_MAVEN_REPOSITORY to the address of a Maven repository.",
    )


def _addresses(ivy: Path) -> Iterator[str]:
    with zipfile.ZipFile(ivy) as archive:
        compiled = archive.read("org/apache/ivy/plugins/resolver/IBiblioResolver.class")
    for found in re.findall(rb"https://[\w./-]+/maven2/", compiled):
        yield found.decode("ascii")


def spark_home() -> Path:
    """Name the folder of the installed PySpark."""
    import pyspark  # here: `doctor` must work, and say so, where PySpark is missing

    return Path(pyspark.__file__).parent


def spark_jars() -> tuple[Path, ...]:
    """Name the jars of the installed PySpark."""
    return tuple(sorted((spark_home() / "jars").glob("*.jar")))
