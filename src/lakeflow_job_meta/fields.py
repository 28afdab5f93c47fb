"""What a mapping of the metadata may hold, as a table of fields, and the check of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headwater.errors import nearest
from lakeflow_job_meta.errors import Fault
from lakeflow_job_meta.sources import Source


@dataclass(frozen=True)
class Field:
    """One field: `kind` is a key of `KINDS`; `choices` are the values that a text may have."""

    kind: str
    is_required: bool = False
    choices: tuple[str, ...] = ()


def is_scalar(value: Any) -> bool:
    """Return whether a value can be a parameter: a text, a number, a truth value."""
    return isinstance(value, str | int | float)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_parameters(value: Any) -> bool:
    return isinstance(value, dict) and all(is_scalar(each) for each in value.values())


def _is_dependencies(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, str)
        or (
            isinstance(each, dict)
            and set(each) == {"source_id", "outcome"}
            and isinstance(each["source_id"], str)
            and each["outcome"] in ("true", "false")
        )
        for each in value
    )


KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "text": (lambda value: isinstance(value, str) and bool(value.strip()), "a text"),
    "scalar": (is_scalar, "a text, a number or a truth value"),
    "whole": (_is_whole, "a whole number"),
    "natural": (lambda value: _is_whole(value) and value >= 0, "a whole number from 0"),
    "retries": (lambda value: _is_whole(value) and value >= -1, "a whole number from -1"),
    "positive": (lambda value: _is_whole(value) and value >= 1, "a whole number from 1"),
    "flag": (lambda value: isinstance(value, bool), "true or false"),
    "texts": (_is_texts, "a list of texts"),
    "parameters": (_is_parameters, "a mapping of names to texts, numbers or truth values"),
    "mapping": (lambda value: isinstance(value, dict), "a mapping"),
    "list": (lambda value: isinstance(value, list), "a list"),
    "inputs": (lambda value: isinstance(value, str | list), "a list, or a text with a reference"),
    "dependencies": (
        _is_dependencies,
        'a list of source ids, or of {source_id: ..., outcome: "true" or "false"}',
    ),
}


def field_faults(
    source: Source, given: Mapping[str, Any], fields: Mapping[str, Field], path: str
) -> list[Fault]:
    """Compare a mapping with its fields: what is unknown, missing, of another kind.

    Args:
        path: what the mapping is called in messages, such as `transformation_config.sql_task`.
    """
    faults = [
        source.fault(
            "FIELD_UNKNOWN",
            f"{path} has no field '{name}'",
            nearest(str(name), fields) or f"It has: {', '.join(sorted(fields))}.",
        )
        for name in given
        if name not in fields
    ]
    for name, field in fields.items():
        value = given.get(name)
        if value is None:
            if field.is_required:
                faults.append(
                    source.fault("FIELD_MISSING", f"{path}.{name} is missing", f"Set {name}.")
                )
            continue
        accepts, described = KINDS[field.kind]
        if not accepts(value):
            faults.append(
                source.fault("FIELD_TYPE", f"{path}.{name} is not {described}", f"Correct {name}.")
            )
        elif field.choices and value not in field.choices:
            faults.append(
                source.fault(
                    "FIELD_VALUE",
                    f"{path}.{name} is none of {', '.join(field.choices)}",
                    nearest(str(value), field.choices),
                )
            )
    return faults
