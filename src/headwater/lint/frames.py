"""Which expressions of a source file are Spark DataFrames, scope by scope."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from headwater.lint.names import FileNames, assigned, last_name

_Function = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_MAKERS = ("sql", "table", "range", "createDataFrame")
_PIPELINE_READS = tuple(
    f"{module}.{name}"
    for module in ("dlt", "pyspark.pipelines")
    for name in ("read", "read_stream", "readStream")
)
_RESULTS = (
    "collect",
    "count",
    "first",
    "head",
    "take",
    "tail",
    "toPandas",
    "toArrow",
    "toLocalIterator",
    "isEmpty",
    "explain",
    "show",
)
"""Methods of a DataFrame that return something else."""
_CONFIGURES = ("format", "option", "options", "schema")
"""Methods of a reader that return the reader."""
_USUAL_NAME = re.compile(r"df|df_\w+|\w+_df")


@dataclass(frozen=True)
class Scope:
    """What is known inside one function, or at the top of the file.

    Attributes:
        frames: names of DataFrames.
        makers: functions of the file that are declared to return one.
    """

    names: FileNames
    frames: frozenset[str] = frozenset()
    makers: frozenset[str] = frozenset()

    def is_frame(self, node: ast.expr) -> bool:
        """Whether an expression is a Spark DataFrame."""
        if isinstance(node, ast.Name):
            return node.id in self.frames
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Name) and node.func.id in self.makers:
            return True
        if self.names.dotted(node.func) in _PIPELINE_READS:
            return True
        return isinstance(node.func, ast.Attribute) and self._is_made_by(node.func)

    def _is_made_by(self, method: ast.Attribute) -> bool:
        if self.names.is_session(method.value):
            return method.attr in _MAKERS
        if self._is_reader(method.value):
            return method.attr not in _CONFIGURES
        return method.attr not in _RESULTS and self.is_frame(method.value)

    def _is_reader(self, node: ast.expr) -> bool:
        """Whether an expression is `spark.read`, `spark.readStream` or a configured one of them."""
        while (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _CONFIGURES
        ):
            node = node.func.value
        return (
            isinstance(node, ast.Attribute)
            and node.attr in ("read", "readStream")
            and self.names.is_session(node.value)
        )


def calls_on_frames(tree: ast.Module, names: FileNames) -> Iterator[ast.Attribute]:
    """Return the method of every call on a DataFrame."""
    makers = frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and last_name(node.returns) == "DataFrame"
    )
    yield from _calls(tree, Scope(names, makers=makers))


def _calls(owner: ast.AST, outer: Scope) -> Iterator[ast.Attribute]:
    scope = _entered(owner, outer)
    for node in _inside(owner):
        if isinstance(node, _Function):
            yield from _calls(node, scope)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and scope.is_frame(node.func.value)
        ):
            yield node.func
        for name, value in assigned(node):
            others = scope.frames - {name}
            scope = replace(scope, frames=others | {name} if scope.is_frame(value) else others)


def _inside(owner: ast.AST) -> Iterator[ast.AST]:
    """Return the nodes of a scope as they are evaluated; functions, but not what is in them."""
    for child in ast.iter_child_nodes(owner):
        if not isinstance(child, _Function):
            yield from _inside(child)
        yield child


def _entered(owner: ast.AST, outer: Scope) -> Scope:
    """Return the scope at the first line of a function, whose parameters hide outer names."""
    parameters = _parameters(owner.args) if isinstance(owner, _Function) else []
    hidden = {each.arg for each in parameters}
    frames = {each.arg for each in parameters if _is_frame_parameter(each, outer.names)}
    return replace(outer, frames=outer.frames - hidden | frames)


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def _is_frame_parameter(parameter: ast.arg, names: FileNames) -> bool:
    annotation = parameter.annotation
    if annotation is None:
        usual = _USUAL_NAME.fullmatch(parameter.arg) is not None
        return usual and not names.has_other_frames
    if last_name(annotation) != "DataFrame":
        return False
    origin = names.dotted(annotation)
    return not origin or origin.startswith("pyspark.sql")
