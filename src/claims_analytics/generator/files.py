"""The 18 files of a folder, written as rows are made.

What does not live here: what a row holds (`charts`), and which folder it goes to (`deliveries`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from claims_analytics.generator.versions import HEADERS, converter, header

TABLES = tuple(HEADERS)


class Folder:
    """Open files of a folder; the header is written first, rows as they come.

    Args:
        tables: which of the 18 files there are.
        encodings: of the files that are not in UTF-8.
        extra: a name and a value of one more column, by table.
    """

    def __init__(
        self,
        path: Path,
        version: str,
        *,
        tables: Iterable[str] = TABLES,
        encodings: dict[str, str] | None = None,
        extra: dict[str, tuple[str, str]] | None = None,
    ) -> None:
        self.rows: Counter[str] = Counter()
        path.mkdir(parents=True, exist_ok=True)
        self._encodings, self._extra = encodings or {}, extra or {}
        self._convert = {table: converter(table, version) for table in tables}
        self._commas: dict[str, int] = {}
        self._files: dict[str, BinaryIO] = {}
        for table in tables:
            self._files[table] = (path / f"{table}.csv").open("wb")
            names = [header(table, version)]
            self._commas[table] = names[0].count(",")
            if table in self._extra:
                names.append(self._extra[table][0])
            self._files[table].write(f"{','.join(names)}\n".encode())

    def write(self, table: str, rows: list[str]) -> None:
        """Write rows of the layout `real`."""
        if not rows:
            return
        shown = list(self._convert[table](rows))
        if table in self._extra:
            value, width = self._extra[table][1], self._commas[table]
            # a line that lost its end stays short: the value would take the place of another
            shown = [f"{row},{value}" if row.count(",") >= width else row for row in shown]
        self.rows[table] += len(shown)
        text = "\n".join(shown) + "\n"
        self._files[table].write(text.encode(self._encodings.get(table, "utf-8")))

    def add(self, number: int, rows: dict[str, list[str]]) -> None:
        """Write the rows of a person."""
        del number  # deliveries decide by it what goes wrong
        for table, part in rows.items():
            self.write(table, part)

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            file.close()
