"""`make demo`: hospital events become bronze, silver and gold, wave by wave.

It lands three waves of simulated events as Parquet in the landing volume, runs an update after
each, as `headwater run` does, and shows what came of them. Everything goes below .headwater/demo.
"""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
from demo_output import query, title

from headwater.cli.endings import run_program
from headwater.cli.live import progress
from headwater.cli.render import print_error, print_result, print_rows
from headwater.engine.request import UpdateRequest
from headwater.engine.update import Updater
from headwater.settings import read_settings
from headwater.state.catalog import target_session
from headwater.state.target import open_target
from patient_analytics.simulator import Anomalies, Event, Simulation, simulate

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".headwater" / "demo"
WAVES = (20_000, 20_000, 10_000)
FILES_PER_WAVE = 4

SIMULATION = Simulation(
    anomalies=Anomalies(
        dirty_age=0.01,
        future_admission=0.005,
        duplicate=0.01,
        late=0.02,
        late_by=2_000,
        new_column_after=30_000,
    )
)


def land(events: Iterator[Event], rows: int, folder: Path, wave: int) -> None:
    """Write `rows` events as Parquet files; each file has the columns its events have."""
    folder.mkdir(parents=True, exist_ok=True)
    size = rows // FILES_PER_WAVE
    for number in range(FILES_PER_WAVE):
        batch = list(itertools.islice(events, size))
        columns = list(dict.fromkeys(name for event in batch for name in event))
        table = pa.table({name: [event.get(name) for event in batch] for name in columns})
        scratch = folder / f".wave{wave}-{number}.parquet"
        pq.write_table(table, scratch, compression="zstd")
        scratch.rename(folder / f"wave{wave}-{number}.parquet")


HISTORY = """
    SELECT p.patient_id, p.department, p.hospital_id, p.is_currently_admitted,
           p.__START_AT, p.__END_AT
    FROM dim_patient p
    JOIN (SELECT patient_id FROM dim_patient GROUP BY patient_id
          ORDER BY count(*) DESC, patient_id LIMIT 1) most USING (patient_id)
    ORDER BY p.__START_AT LIMIT 12
"""

TOTALS = """
    SELECT count(*) AS admissions, count_if(is_currently_admitted) AS in_hospital_now,
           round(avg(length_of_stay_hours), 1) AS mean_stay_hours,
           count_if(patient_sk IS NULL) AS without_patient_version,
           count(DISTINCT patient_id) AS patients
    FROM fact_admissions
"""

EXPECTATIONS = """
    WITH counted AS (
      SELECT explode(from_json(
               get_json_object(details, '$.flow_progress.data_quality.expectations'),
               'array<struct<name:string,dataset:string,passed_records:bigint,failed_records:bigint>>'
             )) AS e
      FROM event_log('patient_flow') WHERE event_type = 'flow_progress')
    SELECT e.dataset, e.name, sum(e.passed_records) AS passed, sum(e.failed_records) AS failed
    FROM counted GROUP BY ALL ORDER BY failed DESC, dataset, name
"""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Land three waves of events, and run an update after each."""
    shutil.rmtree(STATE, ignore_errors=True)
    settings = read_settings()
    target = open_target(ROOT, state=STATE, settings=settings)
    spec = target.bundle.pipeline("patient_flow")
    volume = target.bundle.volumes["landing"]
    landing = target.store.volume_path(volume.catalog, volume.schema, volume.name)
    events = simulate(SIMULATION)
    with target_session(target, settings) as spark:
        for wave, rows in enumerate(WAVES, 1):
            title(f"wave {wave}: {rows:,} events land, then an update runs")
            land(events, rows, landing / "patient_events", wave)
            with progress(quiet=False) as listener:
                updater = Updater(spark, target.bundle, spec, target.store, listener)
                result = updater.run(UpdateRequest(run_as=settings.user_name))
            print_result(result)
            if result.error is not None:
                print_error(result.error)
                sys.exit(1)
        title("one patient's history (dim_patient, SCD type 2)")
        print_rows(query(spark, target, HISTORY))
        title("fact totals (fact_admissions)")
        print_rows(query(spark, target, TOTALS))
        title("expectations over all three updates, asked of the event log:")
        click.echo(EXPECTATIONS)
        print_rows(query(spark, target, EXPECTATIONS))
    title("look further, for example:")
    click.echo(f"  .venv/bin/headwater tables --state {STATE.relative_to(ROOT)}")
    click.echo(f"  .venv/bin/headwater show dim_department --state {STATE.relative_to(ROOT)}")


if __name__ == "__main__":
    run_program(main, "demo.py", again="Run make demo again.")
