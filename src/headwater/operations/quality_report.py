"""How many rows broke which rule in an update, against another update, as Markdown or HTML.

Only names and counts: no rows, and no conditions of rules. Pure. What does not live here: reading
the event log (`quality.measures`), limits and verdicts (`quality.gate`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from headwater.errors import UsageError, nearest
from headwater.events.query import whole_id
from headwater.events.report import RuleTotals
from headwater.markdown import cell, table_lines
from headwater.quality.measures import MeasuredUpdate

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #1c2733; background: #fff }
table { border-collapse: collapse; width: 100%; margin: 0.5rem 0 2rem }
th, td { padding: 0.3rem 0.6rem; border-bottom: 1px solid #dbe1e8; text-align: left }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums }
.worse { color: #a3180f; font-weight: 600 }
.better { color: #14692b }
@media (prefers-color-scheme: dark) { body { color: #dfe6ee; background: #12181f }
  th, td { border-color: #33404e } .worse { color: #ff8b80 } .better { color: #7fd897 } }
"""
_COLUMNS = ("rule", "passed", "failed", "failed share", "baseline", "change")


@dataclass(frozen=True)
class RuleResult:
    """A rule in an update, and its share in the baseline; None where it was not measured there."""

    rule: RuleTotals
    baseline_share: float | None = None

    @property
    def change(self) -> float | None:
        """How much the share grew; None if one of the two was not measured."""
        share, was = self.rule.failed_share, self.baseline_share
        return None if share is None or was is None else share - was

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON; shares are parts of 1."""
        return {
            "dataset": self.rule.dataset,
            "rule": self.rule.name,
            "passed_records": self.rule.passed_records,
            "failed_records": self.rule.failed_records,
            "failed_share": self.rule.failed_share,
            "baseline_share": self.baseline_share,
            "change": self.change,
        }


@dataclass(frozen=True)
class QualityReport:
    """The rules of an update against those of a baseline.

    Attributes:
        gone: rules that the baseline has and the update has not, as rule and dataset.
    """

    pipeline: str
    target: str
    update: MeasuredUpdate
    baseline: MeasuredUpdate | None
    results: Sequence[RuleResult]
    gone: Sequence[tuple[str, str]] = ()

    @property
    def by_dataset(self) -> dict[str, list[RuleResult]]:
        """The results of each dataset."""
        found: dict[str, list[RuleResult]] = {}
        for each in self.results:
            found.setdefault(each.rule.dataset, []).append(each)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "pipeline": self.pipeline,
            "target": self.target,
            "update": _update_dict(self.update),
            "baseline": None if self.baseline is None else _update_dict(self.baseline),
            "rules": [each.as_dict() for each in self.results],
            "gone": [{"rule": rule, "dataset": dataset} for rule, dataset in self.gone],
        }


def _update_dict(update: MeasuredUpdate) -> dict[str, Any]:
    ended = None if update.ended is None else update.ended.isoformat()
    return {"update_id": update.update_id, "state": update.state, "ended": ended}


def quality_report(
    pipeline: str,
    target: str,
    updates: Sequence[MeasuredUpdate],
    *,
    update_id: str | None = None,
    baseline_id: str | None = None,
) -> QualityReport:
    """Compare the rules of two updates.

    Args:
        updates: the last one first.
        update_id: the last one whose rules saw rows when not given: an update with nothing new
            measures nothing.
        baseline_id: the last COMPLETED one before it whose rules saw rows when not given.

    Raises:
        UsageError: UPDATE_UNKNOWN, UPDATE_MISSING when no update has run.
    """
    if not updates:
        raise UsageError(
            "UPDATE_MISSING", f"No update of '{pipeline}' has run", hint="Run the pipeline once."
        )
    counted = [each for each in updates if _measures(each)]
    chosen = _named(updates, update_id) if update_id else next(iter(counted or updates))
    before = updates[updates.index(chosen) + 1 :]
    completed = (each for each in before if each.succeeded and _measures(each))
    baseline = _named(updates, baseline_id) if baseline_id else next(completed, None)
    was = {(each.dataset, each.name): each for each in (baseline.rules if baseline else ())}
    now = {(each.dataset, each.name): each for each in chosen.rules}
    results = [
        RuleResult(each, was[key].failed_share if key in was else None)
        for key, each in sorted(now.items())
    ]
    gone = [(name, dataset) for dataset, name in sorted(was.keys() - now.keys())]
    return QualityReport(pipeline, target, chosen, baseline, results, gone)


def _measures(update: MeasuredUpdate) -> bool:
    """Whether a rule of an update saw rows."""
    return any(each.failed_share is not None for each in update.rules)


def _named(updates: Sequence[MeasuredUpdate], update_id: str) -> MeasuredUpdate:
    known = [each.update_id for each in updates]
    wanted = whole_id(update_id, known)
    found = next((each for each in updates if each.update_id == wanted), None)
    if found is None:
        raise UsageError(
            "UPDATE_UNKNOWN",
            f"The event log has no update '{update_id}'",
            hint=nearest(update_id, known) or f"The last one is {known[0]}.",
            update_id=update_id,
        )
    return found


def as_markdown(report: QualityReport) -> str:
    """Write a report as Markdown."""
    return "\n".join(_markdown_lines(report)) + "\n"


def _markdown_lines(report: QualityReport) -> Iterator[str]:
    yield f"# Quality of {cell(report.pipeline)} in target {cell(report.target)}"
    yield ""
    yield from map(cell, _facts(report))
    for dataset, results in report.by_dataset.items():
        yield ""
        yield f"## {cell(dataset)}"
        yield ""
        yield from table_lines(_COLUMNS, map(_cells, results))


def _facts(report: QualityReport) -> Iterator[str]:
    yield f"Update {_described(report.update)}."
    yield f"Baseline {_described(report.baseline)}." if report.baseline else "No baseline."
    if not report.results:
        yield "No rule saw rows in this update."
    for rule, dataset in report.gone:
        yield f"The rule {rule} of {dataset} saw rows in the baseline and none now."


def _described(update: MeasuredUpdate) -> str:
    ended = "has no end" if update.ended is None else f"{update.ended:%Y-%m-%d %H:%M} UTC"
    return f"{update.update_id}, {update.state}, {ended}"


def _cells(result: RuleResult) -> tuple[str, ...]:
    change = "" if result.change is None else f"{100 * result.change:+.2f} points"
    return (
        result.rule.name,
        f"{result.rule.passed_records:,}",
        f"{result.rule.failed_records:,}",
        _percent(result.rule.failed_share),
        _percent(result.baseline_share),
        change,
    )


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{share:.2%}"


def as_html(report: QualityReport) -> str:
    """Write a report as one HTML page that loads nothing: no scripts, images or fonts."""
    return "\n".join(_html_lines(report)) + "\n"


def _html_lines(report: QualityReport) -> Iterator[str]:
    title = escape(f"Quality of {report.pipeline} in target {report.target}")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>"
    for fact in _facts(report):
        yield f"<p>{escape(fact)}</p>"
    for dataset, results in report.by_dataset.items():
        yield f"<h2>{escape(dataset)}</h2>\n<table>\n<thead>\n<tr>"
        for name in _COLUMNS:
            yield f'<th scope="col"{_number_class(name)}>{name}</th>'
        yield "</tr>\n</thead>\n<tbody>"
        yield from map(_html_row, results)
        yield "</tbody>\n</table>"
    yield "</body>\n</html>"


def _html_row(result: RuleResult) -> str:
    change = result.change or 0
    verdict = "worse" if change > 0 else "better" if change < 0 else ""
    cells = [
        f"<td{_number_class(name)}>{escape(text)}</td>"
        for name, text in zip(_COLUMNS, _cells(result), strict=True)
    ]
    if verdict:
        cells[-1] = cells[-1].replace('"number"', f'"number {verdict}"', 1)
    return f"<tr>{''.join(cells)}</tr>"


def _number_class(name: str) -> str:
    return "" if name == "rule" else ' class="number"'
