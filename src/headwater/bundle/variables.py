"""The values of a bundle's variables for one target.

Source: "Set a variable's value" in Databricks' documentation of bundles. The first that is set
wins: `--var`, the environment's `BUNDLE_VAR_<name>`,
`.databricks/bundle/<target>/variable-overrides.json`, the target's default, the default. A `lookup`
needs a workspace: without a value from `--var` or the environment it is refused, by name, when
something that runs here uses it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from headwater.bundle.keys import variable_undefined
from headwater.bundle.references import WORKSPACE_ONLY, Resolver
from headwater.bundle.source import read_text
from headwater.errors import BundleError, Location
from headwater.yaml_nodes import Node, as_node


def assign_variables(
    tree: Node, *, given: Mapping[str, str], environment: Mapping[str, str], overrides: Node
) -> Node:
    """Return the tree with a `value` beside each variable's `default`.

    Args:
        tree: the bundle with its target applied.
        given: what the command line set.
        environment: where `BUNDLE_VAR_<name>` is looked up.
        overrides: the map of `variable-overrides.json`, empty if there is none.

    Raises:
        BundleError: VARIABLE_UNDEFINED, VARIABLE_UNSET, VARIABLE_COMPLEX.
    """
    defined = tree.below("variables")
    for name in given:
        if name not in defined:
            raise variable_undefined(name, defined, "--var")
    for name, override in overrides.entries.items():
        if name not in defined:
            raise variable_undefined(name, defined, override.location)
    for name, variable in defined.items():
        text = given.get(name, environment.get(f"BUNDLE_VAR_{name}"))
        value = _value(name, variable, text, overrides.get(name))
        if value:
            tree = tree.put(("variables", name, "value"), value)
    return tree


def overrides_file(root: Path, target: str) -> Path:
    """Name the file that sets variables of a target on this machine; it may be absent."""
    return root / ".databricks" / "bundle" / target / "variable-overrides.json"


def read_overrides(root: Path, target: str) -> Node:
    """Read the target's `variable-overrides.json`; an absent file is an empty map.

    Raises:
        BundleError: OVERRIDES_INVALID when it is not a JSON object.
    """
    path = overrides_file(root, target)
    place = Location(str(path))
    if not path.exists():
        return Node({}, place)
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise _overrides_invalid(Location(str(path), error.lineno), error.msg) from error
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise _overrides_invalid(place, "half of a surrogate pair") from error
    if not isinstance(content, dict):
        raise _overrides_invalid(place, "not an object")
    return as_node(content, place)


def resolved_variables(tree: Node, resolver: Resolver) -> dict[str, object]:
    """Return every variable's value, without those that rest on what only a workspace knows."""
    values: dict[str, object] = {}
    for name, variable in tree.below("variables").items():
        value = variable.get("value")
        try:
            values |= {name: resolver.resolve(value).plain()} if value else {}
        except BundleError as error:
            if error.code not in WORKSPACE_ONLY:
                raise
    return values


def _value(name: str, variable: Node, text: str | None, override: Node | None) -> Node | None:
    """Choose a variable's value; None for a lookup."""
    kind = variable.get("type")
    is_complex = kind is not None and kind.value == "complex"
    if text is not None:
        if is_complex:
            raise _wrong_complexity(name, variable.location, is_complex)
        return Node(text, variable.location)
    if variable.get("lookup"):
        return None
    value = override or variable.get("default")
    if value is None:
        raise BundleError(
            "VARIABLE_UNSET",
            f"the variable '{name}' has no value",
            where=variable.location,
            hint=f"Pass --var {name}=..., set BUNDLE_VAR_{name}, or add a 'default:'.",
            name=name,
        )
    if override and override.kind in {"map", "list"} and not is_complex:
        raise _wrong_complexity(name, override.location, is_complex)
    return value  # a default may be a map or a list without being called complex, as there


def _wrong_complexity(name: str, place: Location, is_complex: bool) -> BundleError:
    return BundleError(
        "VARIABLE_COMPLEX",
        f"the variable '{name}' is complex and can't be set from text"
        if is_complex
        else f"the variable '{name}' holds a map or a list but is not complex",
        where=place,
        hint="Set it in variable-overrides.json." if is_complex else "Add 'type: complex' to it.",
        name=name,
    )


def _overrides_invalid(place: Location, problem: str) -> BundleError:
    return BundleError(
        "OVERRIDES_INVALID",
        f"variable-overrides.json is not a JSON object: {problem}",
        where=place,
        hint='Write it as {"name": "value"}.',
        line=place.line,
    )
