"""The files of a source: found, set aside, entered into the manifest, and swept up after."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass

from headwater.autoloader.archive import Archive
from headwater.autoloader.bad_records import write_bad_files
from headwater.autoloader.commits import committed_files
from headwater.autoloader.findings import VERSIONS, FileFormat, Findings
from headwater.autoloader.manifest import Entry, Manifest, Skipped, SkippedFiles
from headwater.autoloader.source import Source, corrupt_file
from headwater.autoloader.spark_paths import link_to, needs_link
from headwater.autoloader.storage import SourceFile, Storage, is_remote
from headwater.errors import SourceFileError


@dataclass
class Listing:
    """The files of a source: new files, and pending manifest entries.

    Attributes:
        entered: paths of files of which some version was entered before.
    """

    new: list[SourceFile]
    pending: list[Entry]
    entered: frozenset[str] = frozenset()

    def unread(self, storage: Storage) -> list[SourceFile]:
        """All files that the stream is going to read."""
        entered = [storage.stat(entry.path) for entry in self.pending]
        return [file for file in entered if file] + self.new


def new_files(
    listed: Sequence[SourceFile],
    entered: Sequence[Entry],
    left_out: Sequence[Skipped],
    *,
    again: bool,
) -> list[SourceFile]:
    """Return the files that were neither entered nor left out.

    Args:
        again: a file that was modified since is another file.
    """
    entries: dict[str, list[Entry]] = {}
    for entry in entered:
        entries.setdefault(entry.origin, []).append(entry)
    skipped = {each.file for each in left_out}
    existing = {each.file.path for each in left_out if each.state == "EXISTING"}

    def is_known(file: SourceFile) -> bool:
        if file in skipped or (file.path in existing and not again):
            return True
        return any(not again or entry.is_of(file) for entry in entries.get(file.path, ()))

    return [file for file in listed if not is_known(file)]


class SourceFiles:
    """Keeps account of which files are new, entered, read or left out."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.options = source.options
        self.storage = source.storage
        self.manifest = Manifest(source.place.folder)
        self.skipped = SkippedFiles(source.place.folder)

    def find(self) -> Listing:
        """List what is to be read; the first time, leave out what was there and is not wanted."""
        listed = self.source.listed()
        self.source.place.counts.append(len(listed))
        if not self.manifest.started:
            if not self.options.include_existing:
                self.skipped.add(listed, "EXISTING")
            self.manifest.start()
        entries = self.manifest.entries()
        new = new_files(listed, entries, self.skipped.read(), again=self.options.allow_overwrites)
        entered = frozenset(entry.origin for entry in entries)
        return Listing(new, self.pending(check=True), entered)

    def pending(self, *, check: bool = False) -> list[Entry]:
        """List the entries that no committed batch has read.

        Args:
            check: fail on a file that is gone, unless it may be missing.

        Raises:
            SourceFileError: SOURCE_FILE_MISSING.
        """
        committed = committed_files(self.source.place.checkpoint)
        pending = [each for each in self.manifest.entries() if each.key not in committed]
        if check and not self.options.ignore_missing:
            archived = {each.key for each in Archive(self.source.place.folder).read()}
            for entry in pending:
                if (entry.origin, entry.order) in archived:
                    continue  # read before its checkpoint was reset
                if self.storage.stat(entry.path) is None:
                    raise SourceFileError(
                        "SOURCE_FILE_MISSING",
                        f"A file disappeared before it was read: {entry.origin}",
                        where=self.source.request.where,
                        hint="Put it back, or set the option ignoreMissingFiles to true.",
                        path=entry.origin,
                    )
        return pending

    def set_aside_broken(self, file_format: FileFormat, listing: Listing) -> None:
        """Take files that can't be read off the new ones, or fail on the first.

        Raises:
            SourceFileError: SOURCE_FILE_CORRUPT.
        """
        broken = file_format.broken(listing.unread(self.storage))
        if broken and not self.options.skips_broken:
            raise corrupt_file(*next(iter(broken.items())))
        new = [file for file in listing.new if file in broken]
        if self.options.bad_records_path is not None:
            told = {file: broken[file] for file in new}
            write_bad_files(self.options.bad_records_path, told, time.time())
        self.skipped.add(new, "CORRUPT", [broken[file] for file in new])
        listing.new = [file for file in listing.new if file not in broken]

    def enter(self, file_format: FileFormat, listing: Listing, findings: Findings) -> None:
        """Enter new files, or copies of them that can be read, into the manifest. Durable.

        Raises:
            SourceFileError: SOURCE_FILE_TYPE_MISMATCH.
        """
        floor = -(-(self.options.max_bytes or 0) // self.options.max_files)
        entered, versions = [], {}
        for file in listing.new:
            if self.storage.stat(file.path) != file:  # one that grows is left to the next call
                continue
            again = file.path in listing.entered
            path = self.readable(file_format, file, findings, again=again)
            entered.append((path, max(file.size, floor)))
            versions[path] = file.version
        self.manifest.append(entered, versions)

    def readable(
        self,
        file_format: FileFormat,
        file: SourceFile,
        findings: Findings,
        *,
        again: bool = False,
    ) -> str:
        """Return the path under which Spark reads a file: its own, a copy's or a link's.

        Args:
            again: Spark has read its path before, and would pass over it.

        Raises:
            SourceFileError: SOURCE_FILE_TYPE_MISMATCH.
        """
        if file in findings.clashing:
            self._check_can_rescue(file, findings)
            return str(file_format.stage(file, findings.clashing[file]))
        if not again and not needs_link(file.path):
            return file.path
        target = self.source.context().staged_path(file)
        if not is_remote(file.path):
            return link_to(file.path, target)
        self.storage.copy(file.path, target)
        return str(target)

    def sweep(self, pending: Sequence[Entry]) -> None:
        """Delete rewritten copies that are committed or were never entered."""
        wanted = {entry.path for entry in pending}
        for folder in self.source.context().staged():
            files = [each for each in folder.rglob("*") if each.is_file() or each.is_symlink()]
            for file in files:
                if str(file) not in wanted:
                    file.unlink()
            if folder.parent.parent.name == VERSIONS and wanted.isdisjoint(map(str, files)):
                shutil.rmtree(folder.parent)

    def _check_can_rescue(self, file: SourceFile, findings: Findings) -> None:
        if self.options.rescued_column:
            return
        names = ", ".join(findings.clashing[file])
        raise SourceFileError(
            "SOURCE_FILE_TYPE_MISMATCH",
            f"Columns {names} of {file.path} can't be read with the types of the schema",
            where=self.source.request.where,
            hint="Correct the schema, or set the option rescuedDataColumn to keep such values.",
            path=file.path,
            fields=list(findings.clashing[file]),
        )
