"""Write tables as Markdown, whatever names and values hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from headwater.errors import shown


def cell(text: str) -> str:
    """Write a text so that it stays in its cell."""
    return shown(text).replace("|", "\\|").replace("`", "'").replace("<", "&lt;")


def table_lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write a table, line by line."""
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(map(cell, row))} |"
