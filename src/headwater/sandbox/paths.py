"""Where a path that user code reads lies, as the target sees it."""

from __future__ import annotations

import re

from headwater.errors import UsageError
from headwater.graph.arguments import fault
from headwater.graph.locations import located
from headwater.state.store import Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


def resolved_path(store: Store, path: str) -> str:
    """Resolve a path that user code reads; errors point to the user's line.

    Raises:
        DefinitionError: VOLUME_UNKNOWN, PATH_OUTSIDE_VOLUME, PATH_NOT_BUILT.
    """
    try:
        found = store.local_path(path)
    except UsageError as error:
        raise located(error) from None
    scheme = _SCHEME.match(found)
    if scheme and scheme[1].lower() not in ("file", "abfs", "abfss"):
        raise fault(
            "PATH_NOT_BUILT",
            f"{scheme[1]}: paths can't be read here",
            "Use a volume (/Volumes/...), a local folder or abfs://container@account.",
            scheme=scheme[1],
        )
    return found
