"""Secrets that stand in a bundle as plain text: where they are, and the tree without them.

A value is a secret by its look (a token of Databricks, an access key of a cloud, a private key), or
by the name of its key (`password`, `client_secret`). References to secrets are none:
`{{secrets/scope/key}}`, `${var.name}`. No value leaves this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from headwater.errors import Location
from headwater.yaml_nodes import Node

MASK = "***"

_LOOKS = {
    "a token of Databricks": r"\bdapi[0-9a-f]{32}\b",
    "an access key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a key of Azure": r"\b(?:SharedAccessKey|AccountKey)=[A-Za-z0-9+/]{16,}",
    "a shared access signature": r"\bsig=[A-Za-z0-9%+/]{20,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22,})",
    "a token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "a signed token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "a password in an address": r"://[^/\s:@${}]+:[^/\s:@${}]+@",
}
_LOOK = {what: re.compile(pattern) for what, pattern in _LOOKS.items()}
_PASSWORDS = ("password", "passwd", "pwd", "passphrase", "client secret", "secret")
_CREDENTIALS = (
    *_PASSWORDS,
    *("access key", "account key", "api key", "apikey", "connection string"),
    *("connectionstring", "private key", "sas", "secret key", "shared access key", "token"),
)
"""How the names of credentials end, in words."""
_OF_AN_ACCOUNT = re.compile(
    r"\bfs azure (?:account key|account oauth2 client secret|sas fixed token) "
)
"""Settings of storage that end with the account."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_HARMLESS = ("", "true", "false", "none", "null", MASK)
_OPTION = re.compile(r"--?([A-Za-z][\w.-]*)(?:=(.*))?", re.DOTALL)


@dataclass(frozen=True)
class PlainSecret:
    """A secret in plain text.

    Args:
        key: the key that holds it, or the name of the variable, parameter or option.
        looks: what it looks like; empty where only its key says so.
        node: where it is; its value must not be shown.
    """

    key: str
    looks: str
    node: Node


def plain_secrets(node: Node, key: str = "") -> Iterator[PlainSecret]:
    """Yield the secrets of a tree."""
    if node.kind == "map":
        yield from _of_map(node, key)
    elif node.kind == "list":
        yield from _of_list(node, key)
    else:
        looks = _looks_like(node)
        if looks or _is_credential(key, node):
            yield PlainSecret(key, looks, node)


def masked(tree: Node) -> Node:
    """Return a tree in which every secret is `***`."""
    hidden = {id(secret.node) for secret in plain_secrets(tree)}
    return _masked(tree, hidden) if hidden else tree


def masked_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """Return texts by key, as properties of tables are, in which every secret is `***`."""
    nowhere = Location("")
    tree = Node({key: Node(text, nowhere) for key, text in texts.items()}, nowhere)
    return {key: str(each.value) for key, each in masked(tree).entries.items()}


def _masked(node: Node, hidden: set[int]) -> Node:
    if id(node) in hidden:
        return replace(node, value=MASK)
    if node.kind == "map":
        entries = {key: _masked(child, hidden) for key, child in node.entries.items()}
        return replace(node, value=entries)
    if node.kind == "list":
        return replace(node, value=tuple(_masked(item, hidden) for item in node.items))
    return node


def _of_map(node: Node, key: str) -> Iterator[PlainSecret]:
    """Look through a map; `default` and `value` are those of what the map is called."""
    name = node.entries.get("name")
    own = name.text if name and name.kind == "text" else key
    for below, child in node.entries.items():
        yield from plain_secrets(child, own if below in ("default", "value") else below)


def _of_list(node: Node, key: str) -> Iterator[PlainSecret]:
    """Look through a list, which may be the options of a command: `--token x`, `--token=x`."""
    before = ""
    for item in node.items:
        option = _OPTION.fullmatch(item.value) if isinstance(item.value, str) else None
        if option and option[2] is not None:
            told = plain_secrets(replace(item, value=option[2]), option[1])
            yield from (replace(secret, node=item) for secret in told)
        else:
            yield from plain_secrets(item, "" if option else before or key)
        before = option[1] if option and option[2] is None else ""


def _looks_like(node: Node) -> str:
    if not isinstance(node.value, str):
        return ""
    text = node.value
    return next((what for what, look in _LOOK.items() if look.search(text)), "")


def _is_credential(key: str, node: Node) -> bool:
    """Whether a key is called like a credential, and has a literal value."""
    text = node.text.strip()
    if node.kind not in ("text", "number") or text.lower() in _HARMLESS:
        return False
    if "${" in text or "{{" in text:
        return False
    words = " ".join(_WORD.findall(key)).lower().removesuffix(" plaintext")
    ends = _CREDENTIALS if node.kind == "text" else _PASSWORDS
    return bool(_OF_AN_ACCOUNT.search(words)) or any(
        words == end or words.endswith(f" {end}") for end in ends
    )
