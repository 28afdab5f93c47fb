"""What waits in the sources of a stream that does not run: files, bytes and rows.

Read from the lists of Auto Loader, the commits of Delta tables and the offsets of the checkpoint;
starts no job and reads no data. Topics are named without numbers: only the broker knows.
"""

from __future__ import annotations

from collections.abc import Iterator

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from headwater import autoloader
from headwater.engine.preview import Preview
from headwater.errors import HeadwaterError
from headwater.flows.backlog import delta_backlog, files_of
from headwater.flows.overwrite import is_delta
from headwater.graph.dag import ResolvedFlow
from headwater.planning.plan import Waiting
from headwater.state.checkpoints import DELTA_ID, newest_batch, source_offsets
from headwater.state.sources import lists_of
from headwater.state.waiting import AddedFile


def waiting_of(preview: Preview, resolved: ResolvedFlow) -> tuple[Waiting, ...]:
    """Return what waits for a stream, by source; what can't be looked at has no numbers."""
    return (*_files(preview, resolved), *_tables(preview, resolved))


def _files(preview: Preview, resolved: ResolvedFlow) -> Iterator[Waiting]:
    context = preview.context
    places = context.places[resolved.flow.name]
    for reader in (resolved, *context.graph.views_behind(resolved.inputs)):
        requests = preview.standings.sources.get(reader.flow.name, ())
        for number, request in enumerate(requests):
            if request.is_batch:
                continue
            source = context.tables.store.shown_path(request.path)
            lists = lists_of(places, resolved.flow, reader.flow, number, len(requests))
            try:
                files = autoloader.waiting_files(context.spark, request, lists)
            except (HeadwaterError, OSError):  # the flow that reads it says best
                yield Waiting(source, None, None)
            else:
                yield Waiting(source, len(files), sum(size for _, size in files))


def _tables(preview: Preview, resolved: ResolvedFlow) -> Iterator[Waiting]:
    """Tables that the flow streams; before it has run, all that it reads."""
    context = preview.context
    checkpoint = context.places[resolved.flow.name].checkpoint
    offsets = source_offsets(checkpoint, newest_batch(checkpoint / "commits"))
    ends = {each[DELTA_ID]: each for each in offsets if DELTA_ID in each}
    views = context.graph.views_behind(resolved.inputs)
    for name in sorted(resolved.tables.union(*(each.external for each in (resolved, *views)))):
        path = preview.standings.path(name)
        if not is_delta(path):
            continue
        try:
            table = DeltaTable(path)
            end = ends.get(str(table.metadata().id))
            if end is None and offsets:
                continue  # read whole, or as it was made anew: not streamed
            files = files_of(table) if end is None else delta_backlog(path, end)
        except (OSError, ValueError, KeyError, DeltaError):
            yield Waiting(str(name), None, None)
        else:
            yield Waiting(str(name), len(files), sum(each.bytes for each in files), _rows(files))
    for topic in sorted({topic for each in offsets if DELTA_ID not in each for topic in each}):
        if topic != "logOffset":
            yield Waiting(topic, None, None)


def _rows(files: list[AddedFile]) -> int | None:
    counts = [each.rows for each in files if each.rows is not None]
    return sum(counts) if len(counts) == len(files) else None
