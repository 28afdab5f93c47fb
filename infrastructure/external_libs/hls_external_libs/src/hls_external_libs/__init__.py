"""Checks of identifiers in US healthcare; no dependencies, so that any environment can take it."""

from __future__ import annotations

_ISSUER = "80840"
"""What stands before an NPI on a card: health applications, United States."""


def is_npi(text: str) -> bool:
    """Return whether a text is a National Provider Identifier: ten digits with a right check digit.

    Source: "Requirements for National Provider Identifier (NPI) and NPI Check Digit", CMS: the Luhn
    formula over the digits with 80840 before them.

    Example:
        >>> is_npi("1234567893"), is_npi("1234567890")
        (True, False)
    """
    if len(text) != 10 or not text.isascii() or not text.isdigit() or text[0] not in "12":
        return False
    digits = [int(each) for each in reversed(_ISSUER + text)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
