"""Fetching jars: from a repository on disk, checked, whole or not at all."""

import hashlib
from pathlib import Path

import pytest

from headwater.errors import SettingError
from headwater.machine import jars
from headwater.machine.jars import Jar, default_repository, ensure_jars
from headwater.settings import read_settings


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jar:
    content = b"a jar"
    jar = Jar("org.example", "thing", "1.0", hashlib.sha256(content).hexdigest())
    path = tmp_path / "repository" / jar.path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    monkeypatch.setattr(jars, "PINNED", (jar,))
    return jar


def settings(tmp_path: Path):  # type: ignore[no-untyped-def]
    return read_settings(
        {
            "HEADWATER_CACHE": str(tmp_path / "cache"),
            "HEADWATER_MAVEN_REPOSITORY": (tmp_path / "repository").as_uri(),
        }
    )


def test_jar_is_fetched_once(tmp_path: Path, pinned: Jar) -> None:
    fetched: list[Jar] = []
    ensure_jars(settings(tmp_path), fetched.append)
    (path,) = ensure_jars(settings(tmp_path), fetched.append)
    assert fetched == [pinned]
    assert path.read_bytes() == b"a jar"


def test_changed_jar_is_refused_and_not_kept(tmp_path: Path, pinned: Jar) -> None:
    (tmp_path / "repository" / pinned.path).write_bytes(b"another jar")
    with pytest.raises(SettingError) as caught:
        ensure_jars(settings(tmp_path))
    assert caught.value.code == "JAR_CHECKSUM_WRONG"
    assert list((tmp_path / "cache" / "jars").iterdir()) == []


def test_missing_jar_says_what_to_do(tmp_path: Path, pinned: Jar) -> None:
    (tmp_path / "repository" / pinned.path).unlink()
    with pytest.raises(SettingError) as caught:
        ensure_jars(settings(tmp_path))
    assert caught.value.code == "JAR_DOWNLOAD_FAILED"
    assert "HEADWATER_MAVEN_REPOSITORY" in caught.value.hint


def test_default_repository_is_what_pyspark_brings() -> None:
    assert default_repository().startswith("https://")


def test_cache_that_can_not_be_made_is_told(tmp_path: Path, pinned: Jar) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(SettingError, match="CACHE_NOT_WRITABLE"):
        ensure_jars(settings(tmp_path))
