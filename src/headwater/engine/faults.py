"""Report all faults of several things at once, instead of the first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headwater.errors import GraphError, HeadwaterError


class Faults:
    """Collects what is raised in `with` blocks, so that all of it is reported at once."""

    def __init__(self) -> None:
        self.found: list[HeadwaterError] = []

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, HeadwaterError):
            self.found.append(error)
            return True
        return False


@contextmanager
def all_faults() -> Iterator[Faults]:
    """Raise what the blocks `with faults:` inside have met.

    Raises:
        GraphError: with all of it, if there is any.
    """
    faults = Faults()
    yield faults
    if faults.found:
        raise GraphError(faults.found)
