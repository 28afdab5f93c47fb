"""The pytest plugin: fixtures `spark` and `pipeline`. PySpark is loaded when one is asked for.

A `spark` fixture of your own takes the place of the one here; it must be a session that Delta was
added to. What does not live here: what the fixtures are (`session`, `pipeline`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from headwater.errors import SettingError


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Open the one session of a test process; each worker of xdist has its own."""
    with _room().open_session(tmp_path_factory.mktemp("spark")) as opened:
        yield opened


@pytest.fixture
def pipeline(
    spark: Any, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """Return an empty `Pipeline` in a target of its own, which is gone after the test."""
    folder = tmp_path_factory.mktemp("pipeline")
    with _room().open_pipeline(spark, folder, request.config.rootpath) as empty:
        yield empty


def _room() -> Any:
    """Return the module that opens what the fixtures are.

    Raises:
        SettingError: TESTING_MISSING.
    """
    try:
        from headwater.testing import session  # here: tests without Spark must not wait for it
    except ModuleNotFoundError as missing:
        raise SettingError(
            "TESTING_MISSING",
            f"The package '{missing.name}' is not installed",
            hint="Run: pip install 'headwater[local,testing]'",
        ) from None
    return session
