"""YAML text as values that know their line, and nothing that could do harm.

Tags are refused, aliases and depth are bounded, and scalars are read by the core schema of YAML
1.2: `yes` and dates are texts. What a file of sources has to hold is in `yaml_files`.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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

from lakeflow_job_meta.errors import Fault

MAX_DEPTH = 50
MAX_REPEATED = 1_000_000
"""How much aliases may add to a file, in values and characters."""

_CONSTANTS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(frozen=True)
class Node:
    """A value: a mapping of texts to nodes, a list of nodes, or a scalar.

    Args:
        line: that of the key or the list item that holds the value.
        size: values and characters in it, with all aliases followed.
    """

    value: Any  # one of three shapes; whoever reads it asks which
    line: int
    size: int = 1

    @property
    def entries(self) -> Mapping[str, Node]:
        """The entries of a mapping; of anything else none."""
        return self.value if isinstance(self.value, dict) else {}

    def plain(self) -> Any:
        """Return the value as dictionaries, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class _Unreadable(Exception):
    """Nothing after this place can be read."""

    def __init__(self, line: int, problem: str, code: str = "YAML_INVALID") -> None:
        self.line, self.problem, self.code = line, problem, code


def read_nodes(text: str, file: str) -> tuple[Node | None, list[Fault]]:
    """Read one YAML document; None for an empty one, and where it is unreadable.

    Returns:
        the document, and its faults: YAML_INVALID, YAML_TAG_REFUSED, YAML_KEY_DUPLICATE,
        YAML_ALIASES, FIELD_TYPE. After a YAML_INVALID nothing more is read.
    """
    reader = _Reader(file)
    try:
        return reader.document(YAML(typ="safe", pure=True).parse(io.StringIO(text))), reader.faults
    except _Unreadable as error:
        reader.fault(error.code, error.problem, error.line, "Correct the YAML at this line.")
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = f"not valid YAML: {error.problem or error.context}"
        reader.fault("YAML_INVALID", problem, line, "Correct the YAML at this line.")
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        hint = 'Write it as an escape in double quotes, such as "\\0".'
        reader.fault("YAML_INVALID", "a character that YAML forbids", line, hint)
    except (ValueError, OverflowError):  # ruamel, of an escape that is no character
        hint = "Look for an escape such as \\U00110000."
        reader.fault("YAML_INVALID", "an escape that stands for no character", 1, hint)
    return None, reader.faults


class _Reader:
    """Turns the events of one document into nodes; collects the faults that it can read on from."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.faults: list[Fault] = []
        self._anchors: dict[str, Node] = {}
        self._repeated = 0
        self._events: Iterator[Any] = iter(())  # events of ruamel.yaml have no types

    def fault(self, code: str, message: str, line: int, hint: str) -> None:
        self.faults.append(Fault(code, message, f"{self.file}:{line}", hint))

    def document(self, events: Iterator[Any]) -> Node | None:
        self._events = events
        next(events)
        if isinstance(next(events), StreamEndEvent):
            return None
        root = self._node(next(events), 0)
        next(events)
        after = next(events)
        if not isinstance(after, StreamEndEvent):
            raise _Unreadable(_line(after), "a second document begins; a file holds one")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        line = _line(event)
        if depth > MAX_DEPTH:
            raise _Unreadable(line, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, AliasEvent):
            return self._alias(event.anchor, line)
        if event.tag is not None:
            said = f"tag '{event.tag}': tags are refused"
            self.fault("YAML_TAG_REFUSED", said, line, "Take the tag out.")
        if isinstance(event, ScalarEvent):
            value = self._scalar(event, line)
            node = Node(value, line, 1 + len(event.value))
        elif isinstance(event, MappingStartEvent):
            node = self._mapping(line, depth + 1)
        else:
            node = self._list(line, depth + 1)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, anchor: str, line: int) -> Node:
        node = self._anchors.get(anchor)
        if node is None:
            raise _Unreadable(line, "an alias names no anchor that ends before it")
        self._repeated += node.size
        if self._repeated > MAX_REPEATED:
            raise _Unreadable(line, "aliases repeat too much of the file", "YAML_ALIASES")
        return replace(node, line=line)

    def _list(self, line: int, depth: int) -> Node:
        items = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, depth))
        return Node(items, line, 1 + sum(item.size for item in items))

    def _mapping(self, line: int, depth: int) -> Node:
        entries: dict[str, Node] = {}
        inherited: dict[str, Node] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._node(event, depth)
            value = replace(self._node(next(self._events), depth), line=key.line)
            if isinstance(event, ScalarEvent) and event.value == "<<" and not event.style:
                inherited = {**self._inherited(value), **inherited}
            elif not isinstance(key.value, str):
                hint = "Put it in quotes."
                self.fault("FIELD_TYPE", "a key that is not a text", key.line, hint)
            elif key.value in entries:
                said = f"key '{key.value}' stands twice, first in line {entries[key.value].line}"
                self.fault("YAML_KEY_DUPLICATE", said, key.line, "Keep one of them.")
            else:
                entries[key.value] = value
        entries = {**inherited, **entries}
        return Node(entries, line, 1 + sum(len(key) + entries[key].size for key in entries))

    def _inherited(self, value: Node) -> Mapping[str, Node]:
        """Read the mappings behind a `<<`; of several the earlier one wins."""
        given = value.value if isinstance(value.value, list) else [value]
        merged: dict[str, Node] = {}
        for each in given:
            if not isinstance(each.value, dict):
                raise _Unreadable(value.line, "'<<' needs a mapping or a list of mappings")
            merged = {**each.entries, **merged}
        return merged

    def _scalar(self, event: Any, line: int) -> str | int | float | bool | None:
        text: str = event.value
        if event.style:
            return self._text(text, line)
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _WHOLE.fullmatch(text):
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
            return float(text)
        if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
            hint = "Put it in quotes if it is meant as a text."
            self.fault("FIELD_TYPE", "a number that JSON can't hold", line, hint)
        return self._text(text, line)

    def _text(self, text: str, line: int) -> str:
        """Join the halves of characters that were escaped as two, as JSON does."""
        if text.isascii():
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            hint = "Correct the \\u escapes."
            self.fault("FIELD_TYPE", "a text with half a character", line, hint)
            return ""


def _line(event: Any) -> int:
    line: int = event.start_mark.line + 1
    return line
