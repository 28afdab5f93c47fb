"""Keys of members: published vectors, and a secret that is too short."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from claims_analytics.anonymisation import key_name, member_key, with_member_keys

NO_FRAME: Any = None
"""The secret is judged before any row is."""


def test_member_key_is_that_of_rfc_4231() -> None:
    key = member_key(bytes([0x0B]) * 20, "Hi There")
    assert key == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"


def test_member_key_is_that_of_the_specification() -> None:
    key = member_key(b"headwater-test-key", "1854be9f-f085-e266-4e76-aa78df71a54e")
    assert key == "a6cf452f2d276215a22b5213957cac49f2f45a9c30acaea800f67b8f7c5873fc"


def test_member_key_takes_an_id_as_utf_8() -> None:
    secret = b"headwater-test-key"
    assert member_key(secret, "ä") != member_key(secret, "a")
    assert len(member_key(secret, "ä")) == 64


def test_member_key_changes_with_the_secret() -> None:
    keys = {member_key(secret, "id") for secret in (b"0123456789abcdef", b"0123456789abcdeg")}
    assert len(keys) == 2


@pytest.mark.parametrize("secret", ["", "fifteen bytes!!"])
def test_secret_that_is_too_short_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="anon_key_v3") as refused:
        with_member_keys(NO_FRAME, secret, 3)
    assert not secret or secret not in str(refused.value)


def test_key_names_its_version() -> None:
    assert key_name(2) == "anon_key_v2"


def test_modules_of_claims_load_without_a_session() -> None:
    code = "import claims_analytics.silver.facts, claims_analytics.gold.member_months"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
