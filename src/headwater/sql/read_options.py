"""The short form of options in `t WITH (...)`, which a workspace takes and Spark does not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from headwater.sql.tokens import Token, tokens_of


def complete_options(text: str) -> str:
    """Write `= true` behind each option of `WITH (...)` that stands without a value.

    Source: "CREATE STREAMING TABLE (pipelines)", read options: "The `=TRUE` is optional".

    Example:
        >>> complete_options("SELECT * FROM STREAM s WITH (SKIPCHANGECOMMITS, startingVersion = 3)")
        'SELECT * FROM STREAM s WITH (SKIPCHANGECOMMITS = true, startingVersion = 3)'
    """
    if "with" not in text.lower():
        return text
    tokens = tokens_of(text)
    for end in sorted(_ends_of_lone_options(tokens), reverse=True):
        text = f"{text[:end]} = true{text[end:]}"
    return text


def _ends_of_lone_options(tokens: Sequence[Token]) -> Iterator[int]:
    for at, (one, other) in enumerate(pairwise(tokens)):
        if one.word == "WITH" and other.text == "(":  # common table expressions have a name there
            for option in _options(tokens[at + 2 :]):
                if _is_key(option):
                    yield option[-1].end


def _options(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Split what follows an opening parenthesis at its commas, up to where it is closed."""
    depth, option = 1, list[Token]()
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 or (depth == 1 and token.text == ","):
            yield option
            option = []
        else:
            option.append(token)
        if depth == 0:
            return


def _is_key(option: Sequence[Token]) -> bool:
    """Whether tokens are a name alone, in one part or more."""
    names = all(each.kind in ("word", "quoted", "text") for each in option[::2])
    return len(option) % 2 == 1 and names and all(each.text == "." for each in option[1::2])
