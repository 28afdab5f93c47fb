"""Resolution of `${...}` references inside a bundle's tree.

`${bundle.*}`, `${workspace.*}`, `${var.*}`, `${variables.*}`, `${resources.*}`, `${artifacts.*}`;
list items as `[0]`. References resolve when somebody asks for the value that holds them, so that
a job that rests on something only a workspace knows never stops a pipeline.

Source: "Substitutions and variables" in Databricks' documentation of bundles. A reference that
is the whole value keeps its type and stands at the place of the reference, so a relative path
counts from the file that uses the variable; inside a text it is pasted. `$${x}` is the text `${x}`.
Departures, both loud: an unknown first word is an error here and plain text there, and a
reference inside a reference is refused.
"""

from __future__ import annotations

import re
from dataclasses import replace

from headwater.bundle.keys import (
    GIT_KEYS,
    PIPELINE,
    SCHEMA,
    USER_KEYS,
    VOLUME,
    WORKSPACE_KEYS,
    variable_undefined,
)
from headwater.bundle.shapes import PURE_REFERENCE, type_wrong
from headwater.errors import BundleError, Location, nearest
from headwater.yaml_nodes import Node

NAMESPACES = ("artifacts", "bundle", "resources", "var", "variables", "workspace")
# Codes of the errors that say "only a workspace knows".
WORKSPACE_ONLY = frozenset({"LOOKUP_UNAVAILABLE", "REFERENCE_UNAVAILABLE"})

_REFERENCE = re.compile(r"(?<!\$)\$\{([^${}]*)\}")
_ESCAPED = re.compile(r"\$(\$\{[^${}]*\})")
_BROKEN = re.compile(r"\$\{(?:" + "|".join(NAMESPACES) + r")\b[^\s]*")
_PATH = re.compile(r"[A-Za-z][\w-]*(?:\.[\w-]+|\[\d+\])*")
_STEP = re.compile(r"[\w-]+")
_OWN_KINDS = {"pipelines": PIPELINE, "schemas": SCHEMA, "volumes": VOLUME}

MAX_SIZE = 1_000_000
"""How much references may add to a bundle, in values and characters."""


class Resolver:
    """Resolves references against one tree; keeps what it resolved, changes nothing.

    Args:
        tree: the whole bundle with its target applied and its variables assigned.

    Example:
        >>> Resolver(tree).resolve(tree.get("resources", "schemas", "bronze", "name")).text
        'dev_alice_bronze'
    """

    def __init__(self, tree: Node) -> None:
        self._tree = tree
        self._done: dict[str, tuple[Node, int]] = {}
        self._open: list[str] = []
        self._added = 0

    def resolve(self, node: Node) -> Node:
        """Return the node with every reference in it, at any depth, replaced by its value.

        Raises:
            BundleError: REFERENCE_UNKNOWN, REFERENCE_CYCLE, REFERENCE_INVALID, VARIABLE_UNDEFINED,
                REFERENCE_UNAVAILABLE and LOOKUP_UNAVAILABLE (only a workspace knows), or
                BUNDLE_TYPE_WRONG for a map or a list pasted into a text.
        """
        if isinstance(node.value, str):
            return self._resolve_text(node, node.value)
        if node.kind == "list":
            return replace(node, value=tuple(self.resolve(item) for item in node.items))
        if node.kind == "map":
            resolved = {key: self.resolve(child) for key, child in node.entries.items()}
            return replace(node, value=resolved)
        return node

    def opened(self, node: Node) -> Node:
        """Return the node, or the value of the reference that it is; what is below is as written.

        Raises:
            BundleError: as for `resolve`, of the reference itself.
        """
        followed: list[str] = []
        while isinstance(node.value, str) and PURE_REFERENCE.fullmatch(node.value):
            reference = node.value[2:-1]
            if not _is_ours(reference, node.location):
                break
            followed.append(reference)
            if reference in followed[:-1]:
                raise _cycle(followed, node.location)
            node = replace(self._find(reference, node.location), location=node.location)
        return node

    def known_text(self, node: Node) -> str:
        """Return a text with its references resolved; as it is written where that can't be."""
        try:
            return self.resolve(node).text
        except BundleError:  # told elsewhere, or known to a workspace alone
            return node.text

    def _resolve_text(self, node: Node, text: str) -> Node:
        broken = _BROKEN.search(_REFERENCE.sub("", _ESCAPED.sub("", text)))
        if broken:
            raise _invalid(broken.group(), node.location)
        if PURE_REFERENCE.fullmatch(text) and _is_ours(text[2:-1], node.location):
            return replace(self._follow(text[2:-1], node.location), location=node.location)
        pasted = _REFERENCE.sub(lambda found: self._paste(found, node), text)
        return replace(node, value=_ESCAPED.sub(r"\1", pasted))

    def _paste(self, found: re.Match[str], node: Node) -> str:
        if not _is_ours(found[1], node.location):
            return found[0]
        value = self._follow(found[1], node.location)
        if value.kind in {"map", "list"}:
            raise type_wrong(replace(value, location=node.location), found[1], "text")
        return value.text

    def _follow(self, reference: str, place: Location) -> Node:
        if reference in self._open:
            raise _cycle([*self._open[self._open.index(reference) :], reference], place)
        if reference not in self._done:
            self._open.append(reference)
            try:
                found = self.resolve(self._find(reference, place))
            finally:
                self._open.pop()
            self._done[reference] = found, found.size()
        node, size = self._done[reference]
        self._added += size
        if self._added > MAX_SIZE:
            raise _too_large(reference, place)
        return node

    def _find(self, reference: str, place: Location) -> Node:
        node = self._tree
        steps = _steps(reference)
        for index, step in enumerate(steps):
            if isinstance(node.value, str) and PURE_REFERENCE.fullmatch(node.value):
                node = self._resolve_text(node, node.value)
            below = _child(node, step)
            if below is None and _is_of_git(steps):
                return Node("", place)  # as there: what the checkout has not is empty
            if below is None:
                raise _unknown(reference, steps[: index + 1], node, place)
            node = below
        return node


def _is_ours(body: str, place: Location) -> bool:
    """Distinguish a reference from text like `${env:HOME}` that only looks like one."""
    if not _PATH.fullmatch(body):
        if re.match(rf"(?:{'|'.join(NAMESPACES)})\b", body):
            raise _invalid("${" + body + "}", place)
        return False
    first = _STEP.match(body)
    if first and first[0] in NAMESPACES and first[0] != body:
        return True
    name = first[0] if first else body
    raise BundleError(
        "REFERENCE_UNKNOWN",
        f"unknown reference '${{{body}}}'",
        where=place,
        hint=nearest(name, NAMESPACES) or f"References start with {', '.join(NAMESPACES)}.",
        reference=body,
        name=name,
    )


def is_foreign(error: BundleError) -> bool:
    """Whether an error is about text that only looks like a reference, such as `${HOME}`."""
    if error.code != "REFERENCE_UNKNOWN" or "known" in error.parameters:
        return False
    reference, name = str(error.parameters["reference"]), str(error.parameters["name"])
    return "." not in reference or not nearest(name, NAMESPACES)


def _steps(reference: str) -> list[str]:
    """Split a reference; `var.x` stands for `variables.x.value`."""
    steps = _STEP.findall(reference)
    if steps[0] == "var":
        return ["variables", steps[1], "value", *steps[2:]]
    return [str(step) for step in steps]


def _is_of_git(steps: list[str]) -> bool:
    return len(steps) == 3 and steps[:2] == ["bundle", "git"] and steps[2] in GIT_KEYS


def _child(node: Node, step: str) -> Node | None:
    if node.kind == "list":
        at = int(step) if step.isdecimal() else len(node.items)
        return node.items[at] if at < len(node.items) else None
    return node.entries.get(step)


def _unknown(reference: str, steps: list[str], node: Node, place: Location) -> BundleError:
    """Choose the error for the first step of a reference that can't be resolved."""
    name = steps[-1]
    if steps[0] == "variables" and len(steps) == 2:
        return variable_undefined(name, node.entries, place)
    if steps[0] == "variables" and len(steps) == 3 and node.get("lookup"):
        return _unavailable("LOOKUP_UNAVAILABLE", reference, steps[1], place)
    if _is_of_a_workspace(steps):
        return _unavailable("REFERENCE_UNAVAILABLE", reference, name, place)
    known = sorted(node.entries)
    return BundleError(
        "REFERENCE_UNKNOWN",
        f"the reference '${{{reference}}}' can't be resolved: no '{name}'",
        where=place,
        hint=nearest(name, known) or f"Known here: {', '.join(known) or 'nothing'}.",
        reference=reference,
        name=name,
        known=tuple(known),
    )


def _is_of_a_workspace(steps: list[str]) -> bool:
    """Whether a workspace might know what these steps lead to."""
    first, *rest = steps
    if first == "workspace" and rest[:1] == ["current_user"]:
        return len(rest) == 2 and rest[1] in USER_KEYS
    if first == "workspace":
        return len(rest) == 1 and rest[0] in WORKSPACE_KEYS
    if first != "resources" or len(rest) != 3:
        return False
    kind, _, field = rest
    return kind not in _OWN_KINDS or field in _OWN_KINDS[kind].keys


def _too_large(reference: str, place: Location) -> BundleError:
    return BundleError(
        "REFERENCE_TOO_LARGE",
        f"references such as '${{{reference}}}' make the bundle too large",
        where=place,
        hint="Look for variables that repeat others several times, and repeat less.",
        reference=reference,
    )


def _unavailable(code: str, reference: str, name: str, place: Location) -> BundleError:
    is_lookup = code == "LOOKUP_UNAVAILABLE"
    return BundleError(
        code,
        f"only a workspace knows '${{{reference}}}'",
        where=place,
        hint=f"Give it a value: --var {name}=... or BUNDLE_VAR_{name}."
        if is_lookup
        else f"Set '{name}' in the bundle, or remove the reference.",
        reference=reference,
        name=name,
    )


def _invalid(text: str, place: Location) -> BundleError:
    return BundleError(
        "REFERENCE_INVALID",
        f"the reference '{text}' is malformed",
        where=place,
        hint="Write ${var.name} with a closing brace and no reference inside another.",
        reference=text,
    )


def _cycle(path: list[str], place: Location) -> BundleError:
    """Show the cycle from its alphabetically first reference, wherever it was entered."""
    start = path.index(min(path))
    path = [*path[start:-1], *path[: start + 1]]
    return BundleError(
        "REFERENCE_CYCLE",
        f"references form a cycle: {' -> '.join(path)}",
        where=place,
        hint="Give one of them a plain value.",
        cycle=tuple(path),
    )
