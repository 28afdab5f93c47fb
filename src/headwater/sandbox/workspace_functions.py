"""SQL functions that Databricks has and open-source Spark lacks: answered, or refused by name.

`secret` and `try_secret` are answered where a reader takes them: in the arguments of `read_kafka`
and `read_files`. In a query the value would stand in the plan, in logs and in tables.
"""

from __future__ import annotations

from typing import Any

from pyspark.sql import SparkSession

from headwater.graph.arguments import fault
from headwater.names import unquoted
from headwater.sandbox.causes import Cause, innermost
from headwater.sandbox.dbutils import OF_PIPELINES, Secrets
from headwater.settings import secret
from headwater.sql.tokens import Token, string_value, tokens_of

_IN_WORKSPACE = "It runs in a workspace only: keep it in a file that the bundle includes there."
_HINTS = {
    "event_log": "Query the event log with `headwater sql`.",
    "secret": "Write it in the options of read_kafka or read_files, or read the secret in Python:"
    " dbutils.secrets.get(scope, key).",
} | dict.fromkeys(
    (
        "http_request",
        "is_account_group_member",
        "is_member",
        "read_kinesis",
        "read_pubsub",
        "read_pulsar",
        "remote_query",
        "vector_search",
    ),
    _IN_WORKSPACE,
)
_HINTS["try_secret"] = _HINTS["secret"]
_FROM_JSON = "calling z:org.apache.spark.sql.functions.from_json."
_JSON_WITHOUT_SCHEMA = (
    "from_json without a schema",
    "Write its schema, such as 'id INT, name STRING': only a workspace infers it, and lets it grow"
    " under a schemaLocationKey.",
)
_PREFIXES = ("ai_", "h3_")


def refusal_of(name: str) -> tuple[str, str] | None:
    """Return what is refused, and what to do; None for a function that is not a workspace's."""
    low = name.lower()
    hint = _HINTS.get(low, _IN_WORKSPACE if low.startswith(_PREFIXES) else None)
    return None if hint is None else (f"{low}(...) in SQL", hint)


def refusal_behind(error: BaseException) -> tuple[str, str] | None:
    """Return `refusal_of` the function that Spark did not find; None for other errors."""
    cause = innermost(error)
    if _is_json_without_schema(error, cause):
        return _JSON_WITHOUT_SCHEMA
    if not cause.condition.startswith("UNRESOLVED_ROUTINE"):
        return None
    return refusal_of(unquoted(cause.parameters.get("routineName", "").split(".")[-1]))


def _is_json_without_schema(error: BaseException, cause: Cause) -> bool:
    if cause.condition == "INVALID_SCHEMA.NON_STRING_LITERAL":
        return cause.parameters.get("inputSchema") == '"NULL"'
    return cause.kind == "NullPointerException" and _FROM_JSON in str(error)


def constant_value(spark: SparkSession, expression: str) -> Any:
    """Return the value of a constant expression such as `map('a', secret('scope', 'key'))`.

    Values of secrets are parameters of the query: its text, which errors show, has only markers.

    Raises:
        DefinitionError: SECRET_UNKNOWN, SECRET_INVALID.
    """
    text, values = _with_markers(expression)
    query = f"SELECT {text}"
    row = (spark.sql(query, values) if values else spark.sql(query)).head()
    return row[0] if row else None


def _with_markers(expression: str) -> tuple[str, dict[str, str | None]]:
    tokens = tokens_of(expression)
    values: dict[str, str | None] = {}
    text, done = "", 0
    for at, token in enumerate(tokens):
        if token.word not in ("SECRET", "TRY_SECRET") or _text(tokens, at + 1) != "(":
            continue
        end = next((i for i in range(at, len(tokens)) if tokens[i].text == ")"), at)
        scope, key = _names(tokens[at + 2 : end])
        marker = f"headwater_secret_{len(values)}"
        text += f"{expression[done : token.start]}:{marker}"
        done = tokens[end].end
        read = secret if token.word == "TRY_SECRET" else Secrets(OF_PIPELINES).get
        values[marker] = read(scope, key)
    return text + expression[done:], values


def _text(tokens: list[Token], at: int) -> str:
    return tokens[at].text if at < len(tokens) else ""


def _names(arguments: list[Token]) -> tuple[str, str]:
    if [each.kind for each in arguments] != ["text", "symbol", "text"]:
        raise fault(
            "SECRET_INVALID",
            "secret takes a scope and a key, each a string",
            "Write secret('scope', 'key').",
        )
    return string_value(arguments[0].text), string_value(arguments[2].text)
