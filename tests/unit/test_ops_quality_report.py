"""`headwater ops quality-report`: which updates are compared, and what names may hold."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headwater.cli.main import cli
from headwater.errors import UsageError
from headwater.events.report import RuleTotals
from headwater.operations.quality_report import (
    QualityReport,
    as_html,
    as_markdown,
    quality_report,
)
from headwater.quality.measures import MeasuredUpdate
from unit.operations_support import log_update, shop

NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
EVIL = "<script>alert(1)</script> | `x` \n# top"


def update(
    update_id: str, *rules: tuple[str, int, int], state: str = "COMPLETED"
) -> MeasuredUpdate:
    totals = [RuleTotals(name, "main.s.t", passed, failed) for name, passed, failed in rules]
    return MeasuredUpdate(update_id, state, NOW - timedelta(minutes=5), NOW, totals)


def report(*updates: MeasuredUpdate, **given: str) -> QualityReport:
    return quality_report("flow", "dev", updates, **given)  # type: ignore[arg-type]


def test_baseline_is_the_last_completed_update_that_measured_something() -> None:
    found = report(
        update("idle"),
        update("now", ("valid", 90, 10)),
        update("failed", ("valid", 1, 99), state="FAILED"),
        update("also idle"),
        update("before", ("valid", 95, 5)),
    )
    assert found.baseline is not None
    assert (found.update.update_id, found.baseline.update_id) == ("now", "before")
    (result,) = found.results
    assert (result.rule.failed_share, result.baseline_share) == (0.1, 0.05)
    assert result.change == pytest.approx(0.05)


def test_rules_over_no_rows_measure_nothing() -> None:
    now, before = update("now", ("valid", 90, 10)), update("before", ("valid", 95, 5))
    found = report(update("empty", ("valid", 0, 0)), now, update("none", ("valid", 0, 0)), before)
    assert found.baseline is not None
    assert (found.update.update_id, found.baseline.update_id) == ("now", "before")
    silent = report(update("silent"), now, update_id="silent")
    assert silent.gone == [("valid", "main.s.t")]


def test_updates_may_be_named() -> None:
    updates = [update("c", ("v", 1, 0)), update("b", ("v", 0, 1)), update("a", ("v", 1, 1))]
    found = report(*updates, update_id="b", baseline_id="c")
    assert found.baseline is not None
    assert (found.update.update_id, found.baseline.update_id) == ("b", "c")
    with pytest.raises(UsageError, match="UPDATE_UNKNOWN"):
        report(*updates, baseline_id="d")
    with pytest.raises(UsageError, match="UPDATE_MISSING"):
        report()


def test_rules_that_came_or_went_are_told() -> None:
    found = report(update("2", ("new", 9, 1)), update("1", ("old", 1, 0)))
    assert found.results[0].change is None
    assert found.gone == [("old", "main.s.t")]
    assert "The rule old of main.s.t saw rows in the baseline and none now." in as_markdown(found)


def test_update_without_rows_says_so() -> None:
    assert "No rule saw rows" in as_markdown(report(update("1")))


class Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_html_loads_nothing_and_names_cannot_break_out() -> None:
    found = quality_report(EVIL, EVIL, [update(EVIL, (EVIL, 9, 1)), update("b", (EVIL, 10, 0))])
    page = as_html(found)
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.tags
    assert not {"img", "link", "iframe", "a", "form"} & set(tags.tags)
    assert not {"src", "href", "onload", "onclick"} & {name for name, _ in tags.attributes}
    assert "&lt;script&gt;" in page
    assert "http://" not in page
    assert 'class="number worse"' in page


def test_markdown_stays_in_its_cells() -> None:
    lines = as_markdown(report(update("1", (EVIL, 9, 1)))).splitlines()
    assert not any(line.startswith("# top") for line in lines)
    (row,) = [line for line in lines if "alert" in line]
    assert row.replace("\\|", "").count("|") == 7
    assert "<script>" not in row


def run(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["ops", "quality-report", *arguments, "--bundle", str(folder)])


def test_report_of_a_target_is_printed_and_written(tmp_path: Path) -> None:
    target = shop(tmp_path)
    log_update(target, "1", hours_ago=2, rules=[("valid", "main.s.t", 19, 1)])
    log_update(target, "2", hours_ago=1, rules=[("valid", "main.s.t", 9, 1)])
    assert "| valid | 9 | 1 | 10.00% | 5.00% | +5.00 points |" in run(tmp_path).stdout
    told = json.loads(run(tmp_path, "--json").stdout)
    assert (told["update"]["update_id"], told["baseline"]["update_id"]) == ("2", "1")
    file = tmp_path / "out" / "quality.html"
    assert "Would write" in run(tmp_path, "--output", str(file), "--dry-run").stdout
    assert not file.exists()
    run(tmp_path, "--output", str(file), "--format", "html")
    assert file.read_text().startswith("<!doctype html>")


def test_report_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    log_update(shop(tmp_path), "1", rules=[("valid", "main.s.t", 19, 1)])
    refused = run(tmp_path, "--output", str(tmp_path / "flow.py" / "x.html")).exception
    assert getattr(refused, "code", None) == "REPORT_NOT_WRITTEN"
