"""`make claims-demo`: files of Synthea become facts, dimensions and the member's month.

It generates patients who do not exist, lands their files in three deliveries (the second with late
and corrected rows, the third with a new column), runs an update of the pipeline `claims` after
each, and shows what came of them. Everything goes below .headwater/claims-demo.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from pathlib import Path

import click
from demo_output import query, title

from claims_analytics.anonymisation import SCOPE, key_name
from claims_analytics.generator import Options, generate
from claims_analytics.tasks.places import Places
from claims_analytics.tasks.quality import equations
from headwater.cli.endings import run_program
from headwater.cli.live import progress
from headwater.cli.render import print_error, print_rows
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater
from headwater.settings import read_settings, secret_variable
from headwater.state.catalog import target_session
from headwater.state.target import open_target

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".headwater" / "claims-demo"
OPTIONS = Options(patients=40, seed=7, anomalies=True, deliveries=3)

PMPM = """
    SELECT year, sum(member_months) AS member_months, sum(total_cost) AS insured_cost,
           round(try_divide(sum(total_cost), sum(member_months)), 2) AS pmpm,
           sum(self_pay_cost) AS self_pay_cost
    FROM member_monthly_snapshot
    WHERE snapshot_month >= DATE'COMPLETE_FROM' AND NOT is_partial_month
    GROUP BY year HAVING sum(member_months) > 0 ORDER BY year DESC
"""

TIERS = """
    SELECT risk_tier, count(*) AS members, round(avg(risk_score), 1) AS mean_score,
           sum(chronic_condition_count) AS chronic_conditions
    FROM member_monthly_snapshot_gold
    WHERE snapshot_month = (SELECT max(snapshot_month) FROM member_monthly_snapshot_gold)
    GROUP BY risk_tier ORDER BY mean_score
"""

RULES = """
    WITH counted AS (
      SELECT timestamp, explode(from_json(
               get_json_object(details, '$.flow_progress.data_quality.expectations'),
               'array<struct<name:string,dataset:string,passed_records:bigint,failed_records:bigint>>'
             )) AS e
      FROM event_log('claims') WHERE event_type = 'flow_progress')
    SELECT regexp_extract(e.dataset, '[^.]+$', 0) AS dataset, e.name AS rule,
           max_by(e.failed_records, timestamp) AS failed
    FROM counted GROUP BY ALL HAVING max_by(e.failed_records, timestamp) > 0
    ORDER BY dataset, rule
"""

HISTORY = """
    SELECT count(*) AS versions, count(DISTINCT patient_id) AS patients,
           count_if(NOT is_current) AS past_versions
    FROM dim_patient WHERE patient_sk <> '-1'
"""


def land(delivery: Path, landing: Path) -> int:
    """Put the files of a delivery where the pipeline looks for each; return how many."""
    files = sorted(delivery.glob("*.csv"))
    for file in files:
        folder = landing / file.stem
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / f"{delivery.name}.csv")
    return len(files)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Land three deliveries of claims, and run an update after each."""
    shutil.rmtree(STATE, ignore_errors=True)
    os.environ.setdefault(secret_variable(SCOPE, key_name(1)), secrets.token_hex(32))
    settings = read_settings()
    target = open_target(ROOT, state=STATE, settings=settings)
    spec = target.bundle.pipeline("claims")
    volume = target.bundle.volumes["claims_landing"]
    landing = target.store.volume_path(volume.catalog, volume.schema, volume.name)
    report = generate(OPTIONS, STATE / "made")
    title(f"{OPTIONS.patients} patients who do not exist, {sum(report.rows.values()):,} rows")
    with target_session(target, settings) as spark:
        for number in range(1, OPTIONS.deliveries + 1):
            files = land(STATE / "made" / f"delivery_{number}", landing)
            title(f"delivery {number}: {files} files land, then an update runs")
            with progress(quiet=False) as listener:
                updater = Updater(spark, target.bundle, spec, target.store, listener)
                result = updater.run(UpdateRequest(run_as=settings.user_name))
            if result.error is not None:
                print_error(result.error)
                sys.exit(1)
        title(
            "cost per member and month, by year, in whole months (lines are complete from "
            f"{report.complete_from}: Synthea exports one year of them)"
        )
        print_rows(query(spark, target, PMPM.replace("COMPLETE_FROM", report.complete_from)))
        title("members by risk, in the last month")
        print_rows(query(spark, target, TIERS))
        title("versions of patients (dim_patient, SCD type 2: some moved in the third delivery)")
        print_rows(query(spark, target, HISTORY))
        title("rules that rows broke, in the last update of each table")
        print_rows(query(spark, target, RULES))
        title("what all layers must agree on, to the cent")
        places = Places(spec.catalog, spec.schema, "")
        checked = equations(spark, places)
        print_rows(
            [
                {"equation": each.name, "left": each.left, "right": each.right, "holds": each.holds}
                for each in checked
            ]
        )
    if not all(each.holds for each in checked):
        sys.exit(1)
    title("look further, for example:")
    state = STATE.relative_to(ROOT)
    click.echo(f'  .venv/bin/headwater sql --state {state} "SELECT * FROM payer_member_months"')
    click.echo(f"  .venv/bin/headwater show member_monthly_snapshot_gold --state {state}")


if __name__ == "__main__":
    run_program(main, "claims_demo.py", again="Run make claims-demo again.")
