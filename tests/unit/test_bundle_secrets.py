"""What counts as a secret in plain text, and that it is masked."""

from __future__ import annotations

import pytest

from headwater.bundle.secrets import MASK, masked, plain_secrets
from headwater.errors import Location
from headwater.yaml_nodes import as_node

PLACE = Location("databricks.yml", 1)


def keys(value: object) -> list[str]:
    return [secret.key for secret in plain_secrets(as_node(value, PLACE))]


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "db_password",
        "dbPassword",
        "client-secret",
        "spark.hadoop.fs.azure.account.key.store.dfs.core.windows.net",
        "openai_api_key_plaintext",
        "CONNECTION_STRING",
        "sas",
        "access_token",
    ],
)
def test_key_of_a_credential_makes_a_literal_a_secret(key: str) -> None:
    assert keys({key: "hunter2"}) == [key]


@pytest.mark.parametrize(
    "value",
    [
        "{{secrets/scope/key}}",
        "Bearer {{secrets/scope/key}}",
        "${var.password}",
        "",
        None,
        True,
        {"scope": "s", "key": "k"},
    ],
)
def test_reference_and_nothing_are_no_secrets(value: object) -> None:
    assert keys({"password": value}) == []


@pytest.mark.parametrize(
    "key",
    ["secret_scope", "token_url", "max_tokens", "primary_key", "key", "passwordless", "tokens"],
)
def test_key_that_only_resembles_a_credential_does_not_count(key: str) -> None:
    assert keys({key: "value"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "dapi" + "0123456789abcdef" * 2,
        "AKIA" + "ABCDEFGHIJKLMNOP",
        "Endpoint=sb://x/;SharedAccessKey=" + "a1B2" * 10,
        "https://x/?sv=2024&sig=" + "a%2F" * 8,
        "-----BEGIN RSA PRIVATE KEY-----",  # pragma: allowlist secret
        "ghp_" + "a" * 36,
        "jdbc:postgresql://me:hunter2@db/sales",  # pragma: allowlist secret
    ],
)
def test_value_that_looks_like_a_secret_is_one_under_any_key(text: str) -> None:
    assert [each.looks != "" for each in plain_secrets(as_node({"note": text}, PLACE))] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "abfss://container@account.dfs.core.windows.net/x",
        "https://host:8080/path",
        "https://${var.user}:${var.password}@host/",
        "me@example.org",
    ],
)
def test_address_without_a_password_is_none(text: str) -> None:
    assert keys({"url": text}) == []


def test_default_is_called_as_its_variable_or_parameter() -> None:
    assert keys({"variables": {"token": {"default": "x"}}}) == ["token"]
    assert keys({"parameters": [{"name": "token", "default": "x"}]}) == ["token"]


@pytest.mark.parametrize("options", [["--token", "x"], ["--token=x"], ["-v", "--token", "x"]])
def test_option_of_a_command_can_hold_a_secret(options: list[str]) -> None:
    assert keys({"parameters": options}) == ["token"]


def test_option_after_an_option_is_no_value() -> None:
    assert keys({"parameters": ["--token", "--verbose"]}) == []


def test_masked_tree_has_no_secret_and_all_else() -> None:
    tree = {"password": "hunter2", "list": ["--token=x", "y"], "port": 1}
    assert masked(as_node(tree, PLACE)).plain() == {
        "password": MASK,
        "list": [MASK, "y"],
        "port": 1,
    }
