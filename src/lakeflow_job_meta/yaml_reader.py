"""YAML text of metadata as nodes, and the faults that it has.

Tags are refused, and scalars are read by the core schema of YAML 1.2: `yes` and dates are texts.
What a file of sources has to hold is in `yaml_files`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from headwater.yaml_nodes import Node, Scalar
from headwater.yaml_reader import Problem, Rules, Trouble, read_document
from lakeflow_job_meta.errors import Fault

_CONSTANTS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]{1,300}|0o[0-7]{1,300}|0x[0-9a-fA-F]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

_CODES = {
    Trouble.SYNTAX: "YAML_INVALID",
    Trouble.ALIASES: "YAML_ALIASES",
    Trouble.TAG: "YAML_TAG_REFUSED",
    Trouble.KEY_TWICE: "YAML_KEY_DUPLICATE",
    Trouble.VALUE: "FIELD_TYPE",
}


def read_nodes(text: str, file: str) -> tuple[Node | None, list[Fault]]:
    """Read one YAML document; None for an empty one, and where it is unreadable.

    Returns:
        the document, and its faults: YAML_INVALID, YAML_TAG_REFUSED, YAML_KEY_DUPLICATE,
        YAML_ALIASES, FIELD_TYPE. After a YAML_INVALID nothing more is read.
    """
    faults: list[Fault] = []

    def note(problem: Problem) -> None:
        code = _CODES[problem.trouble]
        said = f"not valid YAML: {problem.message}" if code == "YAML_INVALID" else problem.message
        faults.append(Fault(code, said, f"{file}:{problem.line}", problem.hint))

    return read_document(text, file, RULES, note), faults


def _scalar(text: str, tag: str) -> Scalar:
    del tag  # all are refused
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _WHOLE.fullmatch(text):
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    if _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
        raise ValueError("a number that JSON can't hold")
    return text


RULES = Rules(_scalar)
