"""Methods of frames that are tried again in another form, where Spark Classic refuses a column.

What does not live here: the other forms (`workspace_columns`, `json_paths`). Decision 0019.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from py4j.protocol import Py4JJavaError
from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from headwater.graph.model import Dataset, Flow
from headwater.sandbox import json_paths
from headwater.sandbox.column_trees import changed, node_of
from headwater.sandbox.interception import current, intercepted
from headwater.sandbox.trees import kind_of
from headwater.sandbox.workspace_columns import (
    MOST,
    as_numbers,
    is_about_strings,
    joinable,
    mapped,
    text_with_numbers,
)

Original = Callable[..., Any]
T = TypeVar("T")

_OPERATORS = frozenset(":+-*/%")
"""What is in every condition that Spark may refuse and a workspace takes."""

TEXTS = ("selectExpr", "filter")
"""Methods that take expressions as texts."""

METHODS = ("select", "withColumn", "withColumns", "sort", "orderBy", *TEXTS)
"""Methods of a frame that are tried again."""


def tried_again(name: str, original: Original) -> Original:
    """Let a method of a frame resolve its columns as a workspace does."""

    @functools.wraps(original)
    def act(self: Any, *args: Any, **kwargs: Any) -> Any:
        if current() is None:
            return original(self, *args, **kwargs)
        frame = self if isinstance(self, DataFrame) else self._df
        return _Trial(frame, has_texts=name in TEXTS).run(
            lambda given: original(self, *given[:-1], **given[-1]), [*args, kwargs]
        )

    return act


def grouped_again(_: str, original: Original) -> Original:
    """The same for a method that only notes its columns: they are looked at first."""

    @functools.wraps(original)
    def group(self: DataFrame, *cols: Any) -> Any:
        if current() is None or not any(isinstance(each, Column) for each in cols):
            return original(self, *cols)
        columns = [each for each in cols if isinstance(each, Column)]

        def take(given: list[Any]) -> list[Any]:
            with intercepted(None):  # tried once
                self.select(*given)
            return list(given)

        found = _Trial(self).run(take, columns)
        return original(self, *(found.pop(0) if isinstance(c, Column) else c for c in cols))

    return group


def joins_itself(_: str, original: Original) -> Original:
    """Try a join again whose sides come from one frame, as Spark Connect resolves it."""

    @functools.wraps(original)
    def join(self: Any, other: DataFrame, on: Any = None, how: Any = None) -> Any:
        try:
            return original(self, other, on, how)
        except AnalysisException as error:
            made = joinable(self, other, on, error) if current() else None
            if made is None:
                raise
            return original(self, *made, how)

    return join


def conditions_over(frame: DataFrame, dataset: Dataset, flow: Flow) -> tuple[Dataset, Flow]:
    """Return a dataset and a flow whose conditions on a frame's rows have a form that Spark takes.

    A condition that Spark refuses in any form is left as it is: who checks it says so. All are
    looked at together, and one by one only if Spark refuses any.
    """
    change = flow.change
    given: list[Any] = [each.condition for each in dataset.expectations]
    given += [change.apply_as_deletes, change.apply_as_truncates, change.where] if change else []

    def take(conditions: list[Any]) -> list[Any]:
        with intercepted(None):
            frame.select(*map(_column, conditions))
        return conditions

    def fitting(condition: Any) -> Any:
        if condition is None:
            return None
        try:
            return _Trial(frame, has_texts=True).run(take, [condition])[0]
        except (AnalysisException, Py4JJavaError):
            return condition

    doubtful = [c for c in given if c is not None and not _OPERATORS.isdisjoint(str(c))]
    try:
        if doubtful:
            take(doubtful)
    except (AnalysisException, Py4JJavaError):
        pass
    else:
        return dataset, flow
    rules = [replace(each, condition=fitting(each.condition)) for each in dataset.expectations]
    if change is not None:
        change = replace(
            change,
            apply_as_deletes=fitting(change.apply_as_deletes),
            apply_as_truncates=fitting(change.apply_as_truncates),
            where=fitting(change.where),
        )
        flow = replace(flow, change=change)
    return replace(dataset, expectations=tuple(rules)), flow


def _column(condition: Any) -> Column:
    return condition if isinstance(condition, Column) else F.expr(condition)


@dataclass
class _Trial:
    """A call with columns of a frame.

    Attributes:
        has_texts: texts among the arguments are expressions, too.
        variants: calls that were refused because their column is a VARIANT, which has paths.
    """

    frame: DataFrame
    has_texts: bool = False
    variants: set[str] = field(default_factory=set)
    _is_changed: bool = False

    def run(self, call: Callable[[list[Any]], T], arguments: list[Any]) -> T:
        """Call with arguments, and with others as long as that helps.

        Raises:
            pyspark.errors.PySparkException, Py4JJavaError: as `call` does.
        """
        original = arguments
        for _ in range(MOST):
            try:
                return call(arguments)
            except (AnalysisException, Py4JJavaError) as error:
                found = self._after(error, arguments, original)
                if found is None:
                    raise
                arguments = found
        return call(arguments)

    def _after(
        self, error: Exception, arguments: list[Any], original: list[Any]
    ) -> list[Any] | None:
        """Return other arguments than those that failed; None if there are none."""
        refused = json_paths.call_on_variant(error) if original is not arguments else None
        if refused is not None:
            if refused in self.variants:
                return None
            self.variants.add(refused)
            return self._mapped(original, self._with_paths)
        if json_paths.is_refused(error):
            return self._mapped(arguments, self._with_paths)
        if isinstance(error, AnalysisException) and is_about_strings(error):
            return self._mapped(arguments, self._text_with_numbers, self._with_numbers)
        return None

    def _with_paths(self, text: str) -> str | None:
        return json_paths.expression_with_calls(self.frame.sparkSession, text, self.variants)

    def _text_with_numbers(self, text: str) -> str | None:
        """Write two strings of an expression as numbers; its own error tells where they are."""
        try:
            with intercepted(None):
                self.frame.select(F.expr(text))
        except AnalysisException as error:
            return text_with_numbers(self.frame.sparkSession, text, error)
        return None

    def _with_numbers(self, column: Column) -> Column:
        found, is_changed = as_numbers(self.frame, column)
        self._is_changed |= is_changed
        return found

    def _mapped(
        self,
        arguments: list[Any],
        of_text: Callable[[str], str | None],
        of_column: Callable[[Column], Column] = lambda column: column,
    ) -> list[Any] | None:
        self._is_changed = False

        def text(written: str) -> str:
            new = of_text(written) if self.has_texts else None
            self._is_changed |= new is not None
            return written if new is None else new

        def within(node: Any) -> Any | None:
            new = of_text(str(node.expression())) if kind_of(node) == "SqlExpression" else None
            self._is_changed |= new is not None
            return None if new is None else node_of(F.expr(new))

        def column(written: Column) -> Column:
            return of_column(changed(self.frame.sparkSession, written, within))

        made = [mapped(each, column, text) for each in arguments]
        return made if self._is_changed else None
