"""YAML files of a bundle as nodes, read as the Databricks CLI reads them.

Every later step (merging, references, paths, errors) works on these nodes and never on plain
dictionaries. What does not live here: which keys a bundle knows (`keys`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode

from headwater.errors import BundleError, Location
from headwater.yaml_nodes import Node, Scalar
from headwater.yaml_reader import TAG, Problem, Rules, Trouble, read_document

_TEXTS = {TAG + "str", TAG + "timestamp", "!"}
_TAGS = _TEXTS | {TAG + name for name in ("map", "seq", "null", "bool", "int", "float", "merge")}
_RESOLVER = YAML(typ="rt", pure=True).resolver


def read_yaml(path: Path, *, may_be_empty: bool = False) -> Node:
    """Read one YAML file as a map with locations; reads only.

    Anchors, aliases and merge keys are followed; of several merged maps the later wins, as in the
    Databricks CLI, while the specification of YAML has it the other way round. An empty file is an
    empty map, or refused.

    Raises:
        BundleError: BUNDLE_UNREADABLE, BUNDLE_YAML_INVALID, BUNDLE_KEY_DUPLICATE, BUNDLE_ALIASES,
            BUNDLE_TYPE_WRONG when the file holds something else than a map.
    """
    place = Location(str(path))

    def refuse(problem: Problem) -> NoReturn:
        raise _refusal(problem, str(path))

    node = read_document(read_text(path), str(path), RULES, refuse)
    if may_be_empty and (node is None or node.value is None):
        return Node({}, place)
    if node is None:
        hint = "Start with 'bundle:' and its name, or remove the file from 'include:'."
        raise _invalid("the file is empty", place, hint)
    if node.kind != "map":
        raise BundleError(
            "BUNDLE_TYPE_WRONG",
            f"the file holds a {node.kind}, not a map of keys",
            where=node.location,
            hint="Start it with a key such as 'bundle:' or 'resources:'.",
            key="",
            expected="map",
            found=node.kind,
        )
    return node


def read_text(path: Path) -> str:
    """Read a UTF-8 file, with or without byte order mark, or say why that is not possible."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "Save the file as UTF-8."
        raise _invalid("the file is not UTF-8", Location(str(path)), hint) from error
    except OSError as error:
        raise BundleError(
            "BUNDLE_UNREADABLE",
            f"can't read the file: {error.strerror}",
            where=Location(str(path)),
            hint="Check that it is a file and that you may read it.",
            file=str(path),
        ) from error


def _refusal(problem: Problem, file: str) -> BundleError:
    place = Location(file, problem.line)
    if problem.trouble is Trouble.KEY_TWICE:
        return BundleError(
            "BUNDLE_KEY_DUPLICATE",
            problem.message,
            where=place,
            hint=problem.hint,
            key=problem.key,
            line=problem.line,
            first_line=problem.first_line,
        )
    if problem.trouble is Trouble.ALIASES:
        hint = "Repeat less, or write a variable of 'type: complex' and refer to it."
        return BundleError(
            "BUNDLE_ALIASES", problem.message, where=place, hint=hint, line=problem.line
        )
    return _invalid(problem.message, place, problem.hint)


def _invalid(problem: str, place: Location, hint: str) -> BundleError:
    return BundleError(
        "BUNDLE_YAML_INVALID",
        f"not valid YAML: {problem}",
        where=place,
        hint=hint,
        problem=problem,
        line=place.line,
    )


def _scalar(text: str, tag: str) -> Scalar:
    """Read a scalar by its tag; one without a tag by its look."""
    tag = tag or str(_RESOLVER.resolve(ScalarNode, text, (True, False)))
    if tag == TAG + "null":
        return None
    if tag == TAG + "bool":
        return text.lower() in {"true", "yes", "on", "y"}
    return _number(text) if tag in {TAG + "int", TAG + "float"} else text


def _number(text: str) -> Scalar:
    """Read a YAML number; text that Python reads otherwise (.inf, 1:30) stays text."""
    bare = text.replace("_", "")
    for read in (int, lambda digits: int(digits, 0), float):
        try:
            return read(bare)
        except ValueError:
            continue
    return text


RULES = Rules(_scalar, frozenset(_TAGS), takes_any_key=True, later_wins=True)
