"""What the names in a source file stand for, as far as the file alone tells.

Only what is certain counts: a name that could be something else is nothing here. Nothing is
imported or run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_FUNCTIONS = "pyspark.sql.functions"
_RUNTIME = "databricks.sdk.runtime"
_OTHER_LIBRARIES = ("dask", "ibis", "narwhals", "polars", "modin", "vaex")
"""Libraries whose frames are cached or persisted by methods of the same names."""
_SESSION_CALLS = ("getActiveSession", "getOrCreate", "active")
_MARKED = ("udf", "pandas_udf")


@dataclass(frozen=True)
class FileNames:
    """The names of one file.

    Attributes:
        origins: local name with the dotted name that it was imported as.
        bound: every name that the file itself gives a meaning, anywhere.
        sessions: names of Spark sessions.
        has_unknown_star: something may have come by `from x import *`.
    """

    origins: Mapping[str, str]
    bound: frozenset[str]
    sessions: frozenset[str]
    has_unknown_star: bool

    def dotted(self, node: ast.expr) -> str:
        """Return the full name of what `F.udf` and the like refer to, "" when it is not known."""
        if isinstance(node, ast.Attribute):
            base = self.dotted(node.value)
            return f"{base}.{node.attr}" if base else ""
        return self.origins.get(node.id, "") if isinstance(node, ast.Name) else ""

    def is_session(self, node: ast.expr) -> bool:
        """Whether an expression is a Spark session."""
        if isinstance(node, ast.Name):
            return node.id in self.sessions
        if isinstance(node, ast.Attribute):
            return node.attr == "spark"
        return _is_session_call(node)

    def is_free(self, name: str) -> bool:
        """Whether only the workspace can have given `name` its meaning."""
        is_bound = name in self.bound and not self.is_of_runtime(name)
        return not is_bound and not self.has_unknown_star

    def is_of_runtime(self, name: str) -> bool:
        """Whether a name is imported from where a workspace has it: what it has anyway."""
        return self.origins.get(name, "").startswith(f"{_RUNTIME}.")

    @property
    def has_other_frames(self) -> bool:
        """Whether the file uses another library of DataFrames."""
        return any(each.split(".")[0] in _OTHER_LIBRARIES for each in self.origins.values())


def names_of(nodes: Sequence[ast.AST]) -> FileNames:
    """Collect the names of a parsed file from all its nodes."""
    origins = dict(_imported(nodes))
    stars = {
        node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and _is_star(node)
    }
    unknown = any(not star.startswith(("pyspark.", _RUNTIME)) for star in stars)
    if _FUNCTIONS in stars:
        origins |= {name: f"{_FUNCTIONS}.{name}" for name in _MARKED if name not in origins}
    return FileNames(
        origins, frozenset(_bound(nodes)), frozenset(_sessions(nodes, origins)), unknown
    )


def _is_star(node: ast.ImportFrom) -> bool:
    return any(alias.name == "*" for alias in node.names)


def _imported(nodes: Sequence[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (first, first)
        elif isinstance(node, ast.ImportFrom) and not _is_star(node):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                yield alias.asname or alias.name, f"{base}.{alias.name}"


def _bound(nodes: Sequence[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _sessions(nodes: Sequence[ast.AST], origins: Mapping[str, str]) -> set[str]:
    """Name the sessions: `spark`, unless the file makes it something else, and others like it."""
    found = {"spark"}
    others = {"spark"} if origins.get("spark") == "pyspark" else set()
    for node in nodes:
        if isinstance(node, ast.arg) and last_name(node.annotation) == "SparkSession":
            found.add(node.arg)
        for name, value in assigned(node):
            (found if _is_session_call(value) else others).add(name)
    return found - others


def _is_session_call(node: ast.expr) -> bool:
    """Whether an expression is `SparkSession.builder...getOrCreate()` or the like."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in _SESSION_CALLS and any(
        isinstance(each, ast.Name) and each.id in ("SparkSession", "DatabricksSession")
        for each in ast.walk(node.func)
    )


def assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Return the names that a statement assigns to, each with its value."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif (
        isinstance(node, (ast.AnnAssign, ast.NamedExpr))
        and isinstance(node.target, ast.Name)
        and node.value is not None
    ):
        yield node.target.id, node.value


def last_name(annotation: ast.expr | None) -> str:
    """Return the last part of an annotation: `DataFrame` for `pyspark.sql.DataFrame`."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return annotation.value.rpartition(".")[2]
    if isinstance(annotation, ast.Attribute):
        return annotation.attr
    return annotation.id if isinstance(annotation, ast.Name) else ""
