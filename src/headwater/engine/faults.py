"""The faults of a graph that are told of its datasets, and in which order faults are shown."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.errors import DefinitionError, HeadwaterError, Location
from headwater.graph.arguments import fault
from headwater.graph.model import Dataset
from headwater.names import TableName
from headwater.sandbox.failures import ONLY_A_WORKSPACE

_UNKNOWN_NAMES = ("TABLE_NOT_FOUND", "TARGET_UNKNOWN")


def sink_read(name: TableName) -> DefinitionError:
    """Make the fault of a read of a sink."""
    return fault(
        "SINK_READ",
        f"'{name.table}' is a sink, which can't be read",
        "Read what the flows into it read, or the table that it writes to by its own name.",
        dataset=str(name),
    )


def not_streamable(name: TableName, what: str) -> DefinitionError:
    """Make the fault of a stream from a dataset whose rows change."""
    return fault(
        "STREAM_FROM_CHANGING_TABLE",
        f"'{name}' can't be read as a stream: it is {what}",
        "Read it with spark.read.table, or set the option skipChangeCommits.",
        dataset=str(name),
    )


def without_feed(name: TableName) -> DefinitionError:
    """Make the fault of a read of the change feed of a view."""
    return fault(
        "CHANGE_FEED_OF_VIEW",
        f"'{name}' is a view, which has no change feed",
        "Read the change feed of a table, or the view without readChangeFeed.",
        dataset=str(name),
    )


def past_read(name: TableName) -> DefinitionError:
    """Make the fault of a read of an earlier version of a dataset.

    Source: "Pipeline limitations": time travel is not supported with materialized views. Versions
    of a streaming table count commits, which are others in a workspace.
    """
    return fault(
        "TIME_TRAVEL_OF_DATASET",
        f"'{name}' is a dataset of this pipeline: its earlier versions can't be read in it",
        "Read its rows as they are, or keep their history with AUTO CDC (SCD type 2).",
        dataset=str(name),
    )


def empty() -> DefinitionError:
    """Make the fault of a pipeline without datasets."""
    return DefinitionError(
        "RUN_EMPTY_PIPELINE",
        "The pipeline's source defines no dataset",
        hint="Check `libraries` in the bundle, and that functions have a dataset decorator.",
    )


def is_half_read(dataset: Dataset, faults: Sequence[HeadwaterError]) -> bool:
    """Whether a dataset's file was left at a fault, before all it might have said of it."""
    places = [each.where for each in faults]
    return any(isinstance(at, Location) and at.file == dataset.location.file for at in places)


def following(
    faults: Sequence[HeadwaterError], loading: Sequence[HeadwaterError]
) -> Sequence[HeadwaterError]:
    """Let faults of names that are not known point to what kept a source from being read.

    Args:
        loading: faults of files and statements, which may define these names.
    """
    if loading:
        for each in faults:
            if each.code in _UNKNOWN_NAMES and each not in loading:
                if each.hint.startswith(ONLY_A_WORKSPACE):
                    continue
                first = f"correct {loading[0].where or 'the source'} first: it may define it."
                is_near = each.hint.startswith("Did you mean")
                each.hint = f"{each.hint} Or {first}" if is_near else first[0].upper() + first[1:]
    return faults


def in_order(faults: Sequence[HeadwaterError]) -> list[HeadwaterError]:
    """Return faults as they are shown: each once, by file, cell and line."""
    return sorted(_distinct(faults), key=_place)


def _distinct(faults: Sequence[HeadwaterError]) -> list[HeadwaterError]:
    """Keep one of the faults that say the same about several datasets at one place."""
    found: dict[tuple[str, str, str], HeadwaterError] = {}
    for each in faults:
        said = each.message.replace(f"'{each.parameters.get('dataset')}'", "")
        found.setdefault((each.code, said, str(each.where)), each)
    return list(found.values())


def _place(error: HeadwaterError) -> tuple[str, int, int]:
    """Return what faults are sorted by: file, cell and line."""
    where = error.where
    file, cell, line = (getattr(where, name, 0) for name in ("file", "cell", "line"))
    return str(file or ""), int(cell), int(line)


def without_flow(dataset: Dataset) -> DefinitionError:
    """Return the fault of a dataset that nothing writes to."""
    return DefinitionError(
        "DATASET_WITHOUT_FLOW",
        f"Nothing writes to '{dataset.name}'",
        where=dataset.location,
        hint="Add @dp.append_flow(target=...) or dp.create_auto_cdc_flow(target=...).",
        dataset=str(dataset.name),
    )


def in_cycle(cycle: Sequence[TableName], where: Location) -> DefinitionError:
    """Return the fault of datasets of which each needs the next, and the last the first."""
    return DefinitionError(
        "GRAPH_CYCLE",
        "Datasets wait for each other in a cycle: " + " -> ".join(map(str, cycle)),
        where=where,
        hint="Break the cycle: one of them must not read the next, or depend on it.",
        cycle=[str(each) for each in cycle],
    )
