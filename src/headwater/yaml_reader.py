"""Read YAML text as nodes that know their line: aliases and depth are bounded.

What differs between files of a bundle and files of metadata is in `Rules`: which scalars there are,
whether tags are read, which of two merged mappings wins. What an error is called is theirs, too.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)
from ruamel.yaml.reader import ReaderError

from headwater.errors import Location
from headwater.yaml_nodes import Node, Scalar

MAX_DEPTH = 50
MAX_REPEATED = 1_000_000
"""How much aliases may add to a file, in values and characters."""

TAG = "tag:yaml.org,2002:"


class Trouble(Enum):
    """Kinds of problems: nothing can be read after SYNTAX and ALIASES."""

    SYNTAX = "syntax"
    ALIASES = "aliases"
    TAG = "tag"
    KEY_TWICE = "key twice"
    VALUE = "value"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a text.

    Args:
        key: the key that appears twice, first in `first_line`.
    """

    trouble: Trouble
    message: str
    line: int
    hint: str = "Correct the YAML at this line."
    key: str = ""
    first_line: int = 0


@dataclass(frozen=True)
class Rules:
    """How one kind of file is read.

    Args:
        scalar: from the text of a plain scalar, or one with a tag, to its value; raises ValueError
            with what is wrong.
        tags: those that are read; of a scalar they are passed on to `scalar`.
        takes_any_key: whether keys such as `5` are read, as texts.
        later_wins: of several mappings behind a `<<`.
    """

    scalar: Callable[[str, str], Scalar]
    tags: frozenset[str] = frozenset()
    takes_any_key: bool = False
    later_wins: bool = False


def read_document(
    text: str, file: str, rules: Rules, report: Callable[[Problem], None]
) -> Node | None:
    """Read one YAML document; None for an empty one, and where it is unreadable.

    Args:
        report: called with each problem; it may raise to stop at the first.
    """
    try:
        return _Reader(file, rules, report).document(_events(text))
    except _Unreadable as error:
        report(error.problem)
        return None


def _events(text: str) -> Iterator[Any]:
    """Parse a text; what ruamel.yaml raises becomes one kind of error."""
    try:
        yield from YAML(typ="safe", pure=True).parse(io.StringIO(text))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        said = str(error.problem or error.context)
        raise _Unreadable(line, said, hint=_hint_for(said)) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        hint = 'Write it as an escape in double quotes, such as "\\0".'
        raise _Unreadable(line, "a character that YAML forbids", hint=hint) from error
    except (ValueError, OverflowError) as error:  # of an escape that is no character
        hint = "Look for an escape such as \\U00110000."
        raise _Unreadable(1, "an escape that stands for no character", hint=hint) from error


def _hint_for(said: str) -> str:
    if "\\t" in said or "\t" in said:
        return "Indent with spaces; YAML does not allow tabs there."
    return "Correct the YAML at this line."


class _Unreadable(Exception):
    """Nothing after this place can be read."""

    def __init__(
        self,
        line: int,
        message: str,
        trouble: Trouble = Trouble.SYNTAX,
        hint: str = "Correct the YAML at this line.",
    ) -> None:
        self.problem = Problem(trouble, message, line, hint)


class _Reader:
    """Turns the events of one document into nodes."""

    def __init__(self, file: str, rules: Rules, report: Callable[[Problem], None]) -> None:
        self._file = file
        self._rules = rules
        self._report = report
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._size = 0  # of what was read, aliases followed, in values and characters
        self._repeated = 0
        self._events: Iterator[Any] = iter(())  # events of ruamel.yaml have no types

    def document(self, events: Iterator[Any]) -> Node | None:
        self._events = events
        next(events)
        if isinstance(next(events), StreamEndEvent):
            return None
        root = self._node(next(events), 0)
        next(events)
        after = next(events)
        if not isinstance(after, StreamEndEvent):
            said = "a second document begins; a file holds one"
            hint = "Keep one document per file: remove the '---' line."
            raise _Unreadable(_line(after), said, hint=hint)
        return root

    def _node(self, event: Any, depth: int) -> Node:
        line = _line(event)
        if depth > MAX_DEPTH:
            raise _Unreadable(line, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, AliasEvent):
            return self._alias(event.anchor, line)
        before = self._size
        self._size += 1
        value = self._value(event, line, self._tag(event, line), depth)
        node = Node(value, Location(self._file, line), event.anchor is not None)
        if event.anchor:
            self._anchors[event.anchor] = (node, self._size - before)
        return node

    def _tag(self, event: Any, line: int) -> str:
        tag = "" if event.tag is None else str(event.tag)
        if tag and tag not in self._rules.tags:
            said = f"tag '{tag}': such tags are refused"
            self._report(Problem(Trouble.TAG, said, line, "Remove the tag."))
            return ""
        return tag

    def _value(
        self, event: Any, line: int, tag: str, depth: int
    ) -> Scalar | Mapping[str, Node] | tuple[Node, ...]:
        if isinstance(event, ScalarEvent):
            return self._scalar(event, tag, line)
        if isinstance(event, MappingStartEvent):
            return self._mapping(depth + 1)
        items = []
        while not isinstance(item := next(self._events), SequenceEndEvent):
            items.append(self._node(item, depth + 1))
        return tuple(items)

    def _alias(self, anchor: str, line: int) -> Node:
        """Follow an alias: a few lines of aliases to aliases stand for billions of values."""
        if anchor not in self._anchors:
            raise _Unreadable(line, "an alias names no anchor that ends before it")
        node, size = self._anchors[anchor]
        self._size += size
        self._repeated += size
        if self._repeated > MAX_REPEATED:
            said = f"aliases add more than {MAX_REPEATED:,} values and characters to the file"
            raise _Unreadable(line, said, Trouble.ALIASES, "Repeat less.")
        return replace(node, location=Location(self._file, line), is_anchor=False)

    def _mapping(self, depth: int) -> Mapping[str, Node]:
        entries: dict[str, Node] = {}
        inherited: dict[str, Node] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            name = self._key(event, depth)
            key = Location(self._file, _line(event))
            value = replace(self._node(next(self._events), depth), location=key)
            if isinstance(event, ScalarEvent) and event.value == "<<" and not event.style:
                inherited = {**self._inherited(value), **inherited}
            elif name in entries:
                first = entries[name].line
                said = f"the key '{name}' appears twice in one map, first on line {first}"
                self._report(
                    Problem(Trouble.KEY_TWICE, said, key.line, "Keep one of them.", name, first)
                )
            elif name is not None:
                entries[name] = value
        return {**inherited, **entries}

    def _key(self, event: Any, depth: int) -> str | None:
        """Read a key; None after a problem."""
        node = self._node(event, depth)
        if isinstance(node.value, str):
            return node.value
        if self._rules.takes_any_key and isinstance(event, ScalarEvent):
            return str(event.value)
        said = "a key that is not a text"
        self._report(Problem(Trouble.VALUE, said, node.line, "Put it in quotes."))
        return None

    def _inherited(self, value: Node) -> Mapping[str, Node]:
        """Read the mappings behind a `<<`."""
        merged: dict[str, Node] = {}
        for each in value.items or (value,):
            if each.kind != "map":
                raise _Unreadable(value.line, "'<<' needs a mapping or a list of mappings")
            earlier_wins = {**each.entries, **merged}
            merged = {**merged, **each.entries} if self._rules.later_wins else earlier_wins
        return merged

    def _scalar(self, event: Any, tag: str, line: int) -> Scalar:
        text: str = event.value
        self._size += len(text)
        try:
            value = text if event.style and not tag else self._rules.scalar(text, tag)
            return whole_characters(value) if isinstance(value, str) else value
        except ValueError as error:
            hint = "Put it in quotes if it is meant as a text."
            self._report(Problem(Trouble.VALUE, str(error), line, hint))
            return text if text.isascii() else ""


def whole_characters(text: str) -> str:
    """Join the halves of characters that were escaped as two, as JSON does.

    Raises:
        ValueError: a half stands alone.
    """
    if text.isascii():
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ValueError("half of a surrogate pair") from None


def _line(event: Any) -> int:
    line: int = event.start_mark.line + 1
    return line
