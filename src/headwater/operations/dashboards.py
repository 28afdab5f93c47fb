"""Queries of a bundle's dashboards (.lvdash.json), and which tables they read. Runs no query.

What does not live here: whether the tables are there (`deployment`), and running the queries in a
workspace (`workspace_deployment`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.sql.tokens import Token, tokens_of
from headwater.yaml_nodes import Node

_NO_SOURCE = ("EXTRACT", "TRIM", "SUBSTRING", "SUBSTR", "OVERLAY")
"""Functions that have a FROM between their parentheses."""
_ENDS_SOURCE = {
    *("WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "WINDOW", "QUALIFY", "LATERAL", "TABLESAMPLE"),
    *("JOIN", "LEFT", "RIGHT", "INNER", "FULL", "CROSS", "ANTI", "SEMI", "NATURAL", "ON", "USING"),
    *("UNION", "EXCEPT", "INTERSECT", "PIVOT", "UNPIVOT"),
}
"""Words after which a comma begins no further source."""


@dataclass(frozen=True)
class DashboardQuery:
    """A query of a dashboard.

    Attributes:
        catalog: of names that have none; None for the target's.
        schema: likewise.
        fault: why there is no text, in words.
    """

    dashboard: str
    name: str
    text: str = ""
    catalog: str | None = None
    schema: str | None = None
    fault: str = ""

    @property
    def subject(self) -> str:
        """What the query is called in a report."""
        return f"{self.dashboard}: {self.name}" if self.name else self.dashboard


def queries_of(tree: Node, root: Path) -> Iterator[DashboardQuery]:
    """Yield the queries of the dashboards of a resolved bundle.

    Args:
        root: the bundle's folder; files outside of it are not read.
    """
    for key, node in tree.below("resources", "dashboards").items():
        given = [node.get(each) for each in ("dataset_catalog", "dataset_schema")]
        catalog, schema = (None if each is None else each.text for each in given)
        file = node.get("file_path")
        if file is None:
            continue
        path = (Path(file.location.file).parent / file.text).resolve()
        if not path.is_relative_to(root.resolve()):
            yield DashboardQuery(key, "", fault="its file is outside of the bundle")
            continue
        try:
            told = list(_datasets(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            yield DashboardQuery(key, "", fault="its file can't be read as a dashboard")
            continue
        for name, text in told:
            yield DashboardQuery(key, name, text, catalog, schema)


def _datasets(told: dict[str, object]) -> Iterator[tuple[str, str]]:
    datasets = told.get("datasets", [])
    for each in datasets if isinstance(datasets, list) else ():
        text = each.get("query") or "".join(each.get("queryLines") or ())
        yield str(each.get("displayName") or each["name"]), str(text)


def has_parameters(text: str) -> bool:
    """Whether a query has parameters such as `:day`, which only a dashboard fills in.

    A path into JSON, such as `payload:day`, is none.
    """
    tokens = tokens_of(text)
    before = (0, *(each.end for each in tokens))
    return any(
        one.text == ":" and other.kind == "word" and one.end == other.start and end < one.start
        for end, one, other in zip(before, tokens, tokens[1:], strict=False)
    )


def tables_read(text: str) -> list[str]:
    """Return the names of the tables that a query reads, as they are written.

    Common table expressions, functions and paths are none.

    Example:
        >>> tables_read("WITH a AS (SELECT * FROM s.t) SELECT extract(day FROM at) FROM a, `b c`")
        ['s.t', '`b c`']
    """
    tokens = tokens_of(text)
    own = {each.lower() for each in _common(tokens)}
    found: list[str] = []
    for number, token in enumerate(tokens):
        if token.word in ("FROM", "JOIN") and _is_clause(tokens, number):
            found += _sources(tokens, number + 1)
    return [each for each in dict.fromkeys(found) if each.strip("`").lower() not in own]


def _common(tokens: Sequence[Token]) -> Iterator[str]:
    """Name what a query defines itself: `name AS (`, and `name (columns) AS (`."""
    if not any(each.word == "WITH" for each in tokens):
        return
    for number, token in enumerate(tokens):
        if token.word != "AS" or number == 0 or _text(tokens, number + 1) != "(":
            continue
        before = number - 1
        if tokens[before].text == ")":
            while before > 0 and tokens[before].text != "(":
                before -= 1
            before -= 1
        yield tokens[before].text.strip("`")


def _is_clause(tokens: Sequence[Token], number: int) -> bool:
    """Whether a FROM begins sources: not that of a function, nor IS DISTINCT FROM."""
    if number and tokens[number - 1].word == "DISTINCT" and tokens[number].word == "FROM":
        return False
    depth = 0
    for before in range(number - 1, -1, -1):
        text = tokens[before].text
        depth += (text == ")") - (text == "(")
        if depth < 0:
            return tokens[before - 1].word not in _NO_SOURCE if before else True
    return True


def _sources(tokens: Sequence[Token], number: int) -> Iterator[str]:
    """Yield the names from a place on, as long as commas follow."""
    while number < len(tokens):
        name, number = _name(tokens, number)
        if name and _text(tokens, number) != "(":
            yield name
        while number < len(tokens) and tokens[number].text not in (",", "(", ")", ";"):
            if tokens[number].word in _ENDS_SOURCE:
                return
            number += 1
        if _text(tokens, number) != ",":
            return
        number += 1


def _name(tokens: Sequence[Token], number: int) -> tuple[str, int]:
    parts: list[str] = []
    while number < len(tokens) and (
        tokens[number].kind == "word" or tokens[number].text.startswith("`")
    ):
        parts.append(tokens[number].text)
        number += 1
        if _text(tokens, number) != ".":
            break
        number += 1
    is_path = len(parts) == 2 and "/" in parts[1]
    is_none = bool(parts) and parts[0].upper() in ("LATERAL", "VALUES", "SELECT", "TABLE", "STREAM")
    return ("" if is_path or is_none else ".".join(parts)), number


def _text(tokens: Sequence[Token], number: int) -> str:
    return tokens[number].text if number < len(tokens) else ""
