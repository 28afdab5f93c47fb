"""Rules on one parsed source file. Each is a function from the file to its findings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.sql import functions

from headwater.errors import Location
from headwater.finding import Finding
from headwater.lint.frames import calls_on_frames
from headwater.lint.names import FileNames, assigned, names_of

_FUNCTIONS = "pyspark.sql.functions"
_CONTEXTS = ("SparkContext", "SQLContext", "HiveContext")
_CACHING = ("cache", "persist", "unpersist")
_CATALOG_CACHING = ("cacheTable", "uncacheTable", "clearCache")
_NO_COLUMNS = ("udf", "pandas_udf", "udtf", "arrow_udf", "arrow_udtf", "call_udf", "call_function")
_BUILT_IN = frozenset(
    name for name in functions.__all__ if name.islower() and name not in _NO_COLUMNS
)
_SAME_AS = {"upper": "upper", "lower": "lower", "strip": "trim"}
"""Methods of str with the built-in function that does their work."""

NO_CONTEXT = (
    "SERVERLESS_SPARK_CONTEXT",
    "Serverless compute does not support the Spark context",
    "Use `spark` itself, such as spark.createDataFrame or spark.conf.get.",
)
"""Code, message and hint of the rule that source keeps away from the Spark context."""
_RDD = (
    "SERVERLESS_RDD",
    "Serverless compute does not support RDDs",
    "Use DataFrame operations, or mapInPandas for Python code.",
)
_JVM = (
    "SERVERLESS_JVM",
    "Serverless compute does not support access to Spark's JVM",
    "Use the public PySpark API.",
)
_ATTRIBUTES = {
    "sparkContext": NO_CONTEXT,
    "rdd": _RDD,
    "_jvm": _JVM,
    "_jsc": _JVM,
    "_jdf": _JVM,
    "_jsparkSession": _JVM,
}
"""Attributes that only Spark's own objects have, with the rule that they break."""


@dataclass(frozen=True)
class Source:
    """A source file as the rules see it."""

    file: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]
    names: FileNames

    def at(self, node: ast.expr | ast.stmt) -> Location:
        """Return the line of a node; of `.name` in a chain of calls, the line of the name."""
        last = isinstance(node, ast.Attribute)
        return Location(self.file, (last and node.end_lineno) or node.lineno)


def check_tree(tree: ast.Module, file: str) -> list[Finding]:
    """Apply every rule to a parsed file; findings come in the order of lines.

    Example:
        >>> [each.code for each in check_tree(ast.parse("n = spark.range(3).rdd"), "a.py")]
        ['SERVERLESS_RDD']
    """
    nodes = tuple(ast.walk(tree))
    source = Source(file, tree, nodes, names_of(nodes))
    found = [finding for rule in RULES for finding in rule(source)]
    return sorted(found, key=lambda each: (each.location.line, each.code))


def _refused_attributes(source: Source) -> Iterator[Finding]:
    for node in source.nodes:
        if not (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)):
            continue
        own = isinstance(node.value, ast.Name) and (
            node.value.id in ("self", "cls")
            or (
                node.value.id in source.names.origins
                and not source.names.is_of_runtime(node.value.id)
            )
        )
        if node.attr in _ATTRIBUTES and not own:
            yield _refused(source, node, _ATTRIBUTES[node.attr], f".{node.attr}")


def _contexts(source: Source) -> Iterator[Finding]:
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            if name in ("sc", "sqlContext") and source.names.is_free(name):
                yield _refused(source, node, NO_CONTEXT, f"{name}.{node.attr}")
        elif isinstance(node, ast.Call):
            parts = source.names.dotted(node.func).removesuffix(".getOrCreate").split(".")
            if parts[0] == "pyspark" and parts[-1] in _CONTEXTS:
                yield _refused(source, node.func, NO_CONTEXT, parts[-1])


def _caching(source: Source) -> Iterator[Finding]:
    rule = (
        "SERVERLESS_CACHE",
        "Serverless compute does not support caching",
        "Remove it, or make the DataFrame a table of the pipeline.",
    )
    for method in calls_on_frames(source.tree, source.names):
        if method.attr in _CACHING:
            yield _refused(source, method, rule, f".{method.attr}()")
    for node in source.nodes:
        if (
            isinstance(node, ast.Attribute)
            and node.attr in _CATALOG_CACHING
            and _is_of_session(node.value, "catalog", source.names)
        ):
            yield _refused(source, node, rule, f"spark.catalog.{node.attr}")


def _settings(source: Source) -> Iterator[Finding]:
    for node in source.nodes:
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "set"
            and _is_of_session(node.func.value, "conf", source.names)
        ):
            yield Finding(
                "CONF_SET_IN_SOURCE",
                "spark.conf.set in pipeline source affects every flow, and serverless compute "
                "rejects most settings",
                source.at(node.func),
                "Set it in `configuration` of the pipeline, or in `spark_conf` of one table.",
            )


def _python_functions(source: Source) -> Iterator[Finding]:
    for name, body, node in _udfs(source):
        if name.lower() in _BUILT_IN:
            what = f"'{name}' is a Python UDF, and a built-in function has the same name"
            yield _built_in(source, node, what, name.lower())
        elif body is not None and (same := _same_as(body)):
            what = f"The Python UDF '{name}'" if name else "A Python UDF"
            yield _built_in(source, node, f"{what} does what the built-in '{same}' does", same)


RULES = (_refused_attributes, _contexts, _caching, _settings, _python_functions)
"""Every rule on source files."""


def _refused(source: Source, node: ast.expr, rule: tuple[str, str, str], written: str) -> Finding:
    code, message, hint = rule
    return Finding(code, f"{message}: {written}", source.at(node), hint)


def _is_of_session(node: ast.expr, part: str, names: FileNames) -> bool:
    """Whether an expression is `part` of a session, such as `spark.conf`."""
    return isinstance(node, ast.Attribute) and node.attr == part and names.is_session(node.value)


def _built_in(source: Source, node: ast.expr | ast.stmt, what: str, name: str) -> Finding:
    return Finding(
        "UDF_LIKE_BUILTIN",
        what,
        source.at(node),
        f"Use pyspark.sql.functions.{name}, which is faster; rename a UDF that differs from it.",
    )


_Body = ast.FunctionDef | ast.Lambda
_Udf = tuple[str, _Body | None, ast.expr | ast.stmt]


def _udfs(source: Source) -> Iterator[_Udf]:
    """Return name, body and place of each Python UDF that the file makes."""
    seen: set[ast.expr] = set()
    for node in source.nodes:
        if isinstance(node, ast.FunctionDef) and any(
            _makes_udf(each, source.names) for each in node.decorator_list
        ):
            yield node.name, node, node
        for name, value in assigned(node):
            if isinstance(value, ast.Call) and _is_udf(value.func, source.names):
                seen.add(value)
                yield name, _lambda(value.args[:1]), value
        if isinstance(node, ast.Call) and node not in seen:
            yield from _called(node, source.names)


def _called(call: ast.Call, names: FileNames) -> Iterator[_Udf]:
    """Return the UDF of `spark.udf.register(name, f)`, and of `udf(lambda ...)` without a name."""
    function = call.func
    if (
        isinstance(function, ast.Attribute)
        and function.attr == "register"
        and _is_of_session(function.value, "udf", names)
    ):
        first = call.args[0] if call.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value, _lambda(call.args[1:2]), function
    elif _is_udf(function, names) and (body := _lambda(call.args[:1])):
        yield "", body, call


def _makes_udf(decorator: ast.expr, names: FileNames) -> bool:
    return _is_udf(decorator.func if isinstance(decorator, ast.Call) else decorator, names)


def _is_udf(function: ast.expr, names: FileNames) -> bool:
    return names.dotted(function) in (f"{_FUNCTIONS}.udf", f"{_FUNCTIONS}.pandas_udf")


def _lambda(arguments: list[ast.expr]) -> ast.Lambda | None:
    return next((each for each in arguments if isinstance(each, ast.Lambda)), None)


def _same_as(function: _Body) -> str | None:
    """Name the built-in that does the work of a function such as `lambda s: s.upper()`."""
    body: ast.AST | None = function.body if isinstance(function, ast.Lambda) else None
    if isinstance(function, ast.FunctionDef):
        body = function.body[-1]
        told = [each for each in function.body[:-1] if not _is_docstring(each)]
        body = body.value if isinstance(body, ast.Return) and not told else None
    if isinstance(body, ast.Call) and not body.args and not body.keywords:
        called = body.func
        if isinstance(called, ast.Attribute) and _is_parameter(called.value, function):
            return _SAME_AS.get(called.attr)
    return None


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_parameter(node: ast.expr, function: _Body) -> bool:
    return isinstance(node, ast.Name) and node.id in {each.arg for each in function.args.args}
