"""What a pipeline asks of Auto Loader, and where a source keeps its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

from pyspark.sql.types import StructType

from headwater.errors import Location


@dataclass(frozen=True)
class CloudFiles:
    """One `spark.readStream.format("cloudFiles")` as user code wrote it.

    Attributes:
        path: what was given to `load`, volumes already resolved.
        options: every option, as given.
        schema: as given to `schema`, None to infer it.
        where: the user's line.
    """

    path: str
    options: Mapping[str, str]
    where: Location
    schema: Union[str, StructType, None] = None  # noqa: UP007 - Python 3.10


@dataclass(frozen=True)
class SourceState:
    """Folders of one source of one flow, new ones after a full refresh.

    Attributes:
        folder: schema log and file log of the source.
        checkpoint: the flow's streaming checkpoint.
        memory: what this process already found out about sources, by folder.
        schemas: folder of the schema log, where it is not `folder`: flows that read a source
            through a view share the view's.
    """

    folder: Path
    checkpoint: Path
    memory: dict[str, object] = field(default_factory=dict, compare=False)
    schemas: Path | None = None
