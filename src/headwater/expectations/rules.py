"""Enforce and count expectations, in the one pass over the data that writes it.

Rules of the contract: a row passes if and only if the condition IS TRUE; every rule is judged on
the same input rows; a drop rule removes the row, a fail rule stops the write. What does not live
here: turning the counts into events (`events`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

from pyspark.errors import AnalysisException, ParseException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType

from headwater.errors import DefinitionError, Location, nearest
from headwater.graph.model import Action, Expectation
from headwater.names import readable

_PREFIX = "__headwater_rule_"
_SPARED = "__headwater_spared"
VIOLATION = "[EXPECTATION_VIOLATION.VERBOSITY_ALL]"
_UNTRACED = "Input could not be determined from the violating output record."
_WITHHELD = "withheld: it may hold personal data"


@dataclass(frozen=True)
class RuleCount:
    """How many records met and broke one rule; `dataset` carries the rule."""

    name: str
    dataset: str
    passed_records: int
    failed_records: int


@dataclass(frozen=True)
class QualityCounts:
    """What one pass over a dataset's rows counted.

    `input_rows` = `output_rows` + `dropped_records`, always.
    """

    input_rows: int
    dropped_records: int
    rules: tuple[RuleCount, ...]

    @property
    def output_rows(self) -> int:
        """Rows that were kept."""
        return self.input_rows - self.dropped_records


def condition_holds(condition: Column) -> Column:
    """Return a column that is true where `condition` IS TRUE, false where it is false or NULL."""
    return F.coalesce(condition.cast("boolean"), F.lit(False))


def enforce(
    frame: DataFrame,
    rules: Sequence[Expectation],
    *,
    observation: str,
    flow: str,
    show_records: bool = False,
    spared: Column | None = None,
) -> DataFrame:
    """Apply `rules` to a frame and have Spark count them under the name `observation`.

    The result has the columns of `frame`. Nothing runs here: the numbers arrive with the query
    that writes the result (a stream's progress, or an `Observation` of a batch). A row that
    breaks a fail rule raises inside the query, before Delta commits.

    Args:
        show_records: put the violating record into the error. Off by default: it is row data.
        spared: condition of rows that no rule drops: the deletes of an AUTO CDC target.

    Example:
        >>> rule = Expectation("age", "age BETWEEN 0 AND 100", Action.DROP)
        >>> enforce(df, [rule], observation="silver", flow="silver")  # doctest: +SKIP
    """
    flags = {f"{_PREFIX}{n}": condition_holds(rule.column) for n, rule in enumerate(rules)}
    drops = any(rule.action is Action.DROP for rule in rules)
    if spared is not None and drops:
        flags[_SPARED] = F.coalesce(spared, F.lit(False))
    marked = frame.withColumns(flags) if flags else frame
    counted = marked.observe(observation, *_counters(rules, _SPARED in flags))
    kept = _filter(rules, flow, frame.columns if show_records else None, _SPARED in flags)
    return (counted if kept is None else counted.where(kept)).drop(*flags)


def _counters(rules: Sequence[Expectation], has_spared: bool) -> list[Column]:
    kept = _kept(rules, has_spared)
    dropped = F.count_if(~kept) if kept is not None else F.sum(F.lit(0))
    return [
        F.count(F.lit(1)).alias("input_rows"),
        dropped.alias("dropped_records"),
        *(F.count_if(_flag(n)).alias(f"passed_{n}") for n, _ in enumerate(rules)),
    ]


def _kept(rules: Sequence[Expectation], has_spared: bool) -> Column | None:
    """Whether all drop rules keep a row; None when there is no drop rule."""
    dropping = [_flag(n) for n, rule in enumerate(rules) if rule.action is Action.DROP]
    if not dropping:
        return None
    return _all(dropping) | F.col(_SPARED) if has_spared else _all(dropping)


def _flag(number: int) -> Column:
    return F.col(f"{_PREFIX}{number}")


def _all(flags: Sequence[Column]) -> Column:
    held = flags[0]
    for flag in flags[1:]:
        held = held & flag
    return held


def _filter(
    rules: Sequence[Expectation], flow: str, record: Sequence[str] | None, has_spared: bool
) -> Column | None:
    failing = [(n, rule) for n, rule in enumerate(rules) if rule.action is Action.FAIL]
    kept = _kept(rules, has_spared)
    if not failing:
        return kept
    met = _all([_flag(n) for n, _ in failing])
    raised = F.raise_error(_violation(failing, flow, record)).cast("boolean")
    return F.when(met, F.lit(True) if kept is None else kept).otherwise(raised)


def _violation(
    failing: Sequence[tuple[int, Expectation]], flow: str, record: Sequence[str] | None
) -> Column:
    """The contract's text (2.8): all violated names; the record only where asked for."""
    names = F.concat_ws(", ", *(F.when(~_flag(n), F.lit(rule.name)) for n, rule in failing))
    shown = (
        F.lit(_WITHHELD)
        if record is None
        else F.to_json(F.struct(*(F.col(_quoted(name)) for name in record)))
    )
    return F.concat(
        F.lit(
            f"{VIOLATION} Flow '{flow}' failed to meet the expectation. Violated expectations: '"
        ),
        names,
        F.lit(f"'. Input data: '{_UNTRACED}'. Output record: '"),
        shown,
        F.lit("'. Missing input data: true"),
    )


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def read_counts(
    row: Mapping[str, int | None], rules: Sequence[Expectation], dataset: str
) -> QualityCounts:
    """Read the numbers of one observation; only of warn and drop rules, as the contract says.

    Args:
        row: the observed values by name; an empty input gives NULL for sums.
    """
    rows = row["input_rows"] or 0
    counts = tuple(
        RuleCount(rule.name, dataset, row[f"passed_{n}"] or 0, rows - (row[f"passed_{n}"] or 0))
        for n, rule in enumerate(rules)
        if rule.action is not Action.FAIL
    )
    return QualityCounts(rows, row["dropped_records"] or 0, counts)


def check_rules(
    frame: DataFrame, rules: Sequence[Expectation], *, dataset: str, where: Location
) -> list[DefinitionError]:
    """Find the rules that don't parse, name unknown columns or are not conditions; runs no job."""
    if _all_hold_good(frame, rules):
        return []
    faults = []
    for rule in rules:
        try:
            frame.where(rule.column)
            # as `enforce` does: a filter alone finds columns that the query has dropped, too
            frame.select(condition_holds(rule.column))
        except (AnalysisException, ParseException) as error:
            faults.append(_invalid(rule, frame, error, dataset, where))
    return faults


def _all_hold_good(frame: DataFrame, rules: Sequence[Expectation]) -> bool:
    """Look at all rules at once, for two analyses instead of two a rule."""
    if not rules:
        return True
    conditions = [rule.column for rule in rules]
    try:
        kinds = frame.select(*conditions).schema
        if any(field.dataType != BooleanType() for field in kinds):
            return False
        frame.where(reduce(Column.__and__, conditions))
        frame.select(*[condition_holds(rule.column) for rule in rules])
    except (AnalysisException, ParseException):
        return False
    return True


def _invalid(
    rule: Expectation,
    frame: DataFrame,
    error: AnalysisException | ParseException,
    dataset: str,
    where: Location,
) -> DefinitionError:
    parameters = error.getMessageParameters() or {}
    missing = parameters.get("objectName", "").strip("`")
    reason = readable(str(error)).strip().splitlines()[0]
    hint = nearest(missing, frame.columns) if missing else ""
    return DefinitionError(
        "EXPECTATION_INVALID",
        f"Expectation '{rule.name}' of {dataset} is not a condition on its columns: {reason}",
        where=where,
        hint=hint or f"Columns: {', '.join(frame.columns[:20])}.",
        expectation=rule.name,
        dataset=dataset,
        reason=error.getCondition(),
    )
