"""Rules on expectations that hold for every row, or for none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from headwater.errors import Location
from headwater.finding import Finding
from headwater.graph.model import Expectation

_CHANGING = re.compile(
    r"\b(current_\w+|now|curdate|local_?time\w*|\w*user|version|unix_timestamp|rand\w*|uuid|uniform"
    r"|shuffle|input_file_\w+|spark_partition_id|monotonically_\w+)\b",
    re.IGNORECASE,
)
"""Functions whose value is one constant in a run, and another one in the next."""
_LITERAL = r"(?:\d[\d.]*|'[^']*'|true|false|null)"
_SUSPECT = re.compile(
    rf"\b(true|false)\b|(?<!\bis )(?<!\bnot )\bnull\b|{_LITERAL}\s*[<>=!]+\s*{_LITERAL}",
    re.IGNORECASE,
)
"""What all but the oddest conditions have that are the same for every row."""
_NULL_OR_NOT = re.compile(
    r"CAST\(\(\(([^()']+) IS (NOT )?NULL\) (OR|AND) \(\1 IS (NOT )?NULL\)\) AS BOOLEAN\)"
)


def may_be_constant(condition: str, columns: Sequence[str]) -> bool:
    """Whether a condition is worth asking Spark about; almost none of real rules is.

    Args:
        columns: names that the condition may use.
    """
    own = {name.lower() for name in columns}
    for found in _CHANGING.finditer(condition):
        is_call = condition[found.end() :].lstrip().startswith("(")
        if is_call or found[0].lower() not in own:
            return False
    text = " ".join(condition.lower().split())
    names_column = any(name.lower() in text for name in columns)
    is_both = "is null" in text and "is not null" in text
    return is_both or not names_column or _SUSPECT.search(text) is not None


def check_constant_rules(
    rules: Sequence[Expectation], folded: Mapping[str, str], dataset: str, where: Location
) -> list[Finding]:
    """Find the rules that every row meets, or that no row can meet.

    Args:
        folded: condition with what Spark folds it to, as SQL; those it was not asked about are
            not in it.
    """
    found = []
    for rule in rules:
        value = _value(folded.get(rule.text, ""))
        if value is not None:
            found.append(_finding(rule, value, dataset, where))
    return found


def _value(folded: str) -> bool | None:
    """Return what a folded condition always is, None when it depends on the row."""
    if folded in ("true", "false"):
        return folded == "true"
    both = _NULL_OR_NOT.fullmatch(folded)
    if both and both[2] != both[4]:
        return both[3] == "OR"
    return None


def _finding(rule: Expectation, value: bool, dataset: str, where: Location) -> Finding:
    if value:
        return Finding(
            "EXPECTATION_ALWAYS_TRUE",
            f"Expectation '{rule.name}' of '{dataset}' is true for every row: it checks nothing",
            where,
            "Write a condition on columns, or remove the expectation.",
        )
    return Finding(
        "EXPECTATION_NEVER_TRUE",
        f"Expectation '{rule.name}' of '{dataset}' is never true",
        where,
        "Test for NULL with IS NULL or IS NOT NULL.",
    )
