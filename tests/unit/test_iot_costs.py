"""What IoT costs, by schedule: the table of docs/iot.md is what the file of costs gives."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from headwater.bundle.source import read_yaml
from headwater.operations.costs import Estimate
from headwater.operations.costs_file import read_estimate

ROOT = Path(__file__).parents[2]
FILE = ROOT / "resources" / "costs" / "iot.yml"


def estimated(folder: Path, schedule: str) -> Estimate:
    """Estimate the costs under another schedule."""
    file = folder / "costs.yml"
    file.write_text(FILE.read_text().replace("every_minutes: 15", schedule))
    return read_estimate(file)


@pytest.mark.parametrize(
    ("schedule", "month"),
    [
        ("every_minutes: 60", 32),
        ("every_minutes: 30", 63),
        ("every_minutes: 15", 127),
        ("runs_per_month: 264", 11),
    ],
    ids=["dev", "staging", "prod", "12 hours on 22 days"],
)
def test_month_costs_what_the_page_says(schedule: str, month: int, tmp_path: Path) -> None:
    estimate = estimated(tmp_path, schedule)
    cycle = sum(each.cost_per_run or 0 for each in estimate.lines)
    assert round(cycle, 4) == 0.0433
    assert round(estimate.cost_per_month) == month
    page = (ROOT / "docs" / "iot.md").read_text()
    assert re.search(rf"\| {month} \|$", page, re.M)


def test_15_to_25_dollars_pay_no_production_every_15_minutes(tmp_path: Path) -> None:
    cycle = sum(each.cost_per_run or 0 for each in estimated(tmp_path, "every_minutes: 15").lines)
    assert (round(15 / cycle, -1), round(25 / cycle, -1)) == (350, 580)
    assert 25 / cycle < 30 * 24 * 4


def test_clusters_are_of_one_run_on_spot_machines_with_fallback() -> None:
    """A shared one that ends itself after 10 to 20 minutes would never end between two runs."""
    default = read_yaml(ROOT / "databricks.yml").get("variables", "iot_job_clusters", "default")
    assert default is not None
    (cluster,) = default.items
    assert cluster.get("job_cluster_key")
    assert cluster.below("new_cluster", "aws_attributes")["availability"].value == (
        "SPOT_WITH_FALLBACK"
    )
    jobs = read_yaml(ROOT / "resources" / "iot.jobs.yml").below("resources", "jobs")
    tasks = [task for job in jobs.values() for task in (job.get("tasks") or job).items]
    assert len(tasks) == 10
    assert not [task for task in tasks if task.get("existing_cluster_id")]
