"""The parity matrix: one row for each function, argument, clause, option and type of event.

`python tests/parity.py` writes docs/parity-reference.md from the tables below and from those of the
code; `tests/unit/test_parity.py` holds that nothing is missing.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyspark.pipelines as upstream

from headwater.autoloader import formats, option_tables
from headwater.graph.api import PipelineApi
from headwater.graph.flow_api import FlowApi
from headwater.graph.modules import DEPRECATED, FUNCTIONS
from headwater.graph.sink_api import SinkApi
from headwater.sql import changes, parse

PAGE = Path(__file__).parents[1] / "docs" / "parity-reference.md"
_FUNCTION_GIVEN = ("query_function", "batch_function", "hook_function")
"""Arguments by which a decorator takes what it stands above."""

STATUSES = ("works", "no effect", "limited", "differs", "refused")


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        area: the section it stands in.
        spark: `yes` where open-source Spark 4.2's own declarative engine has it.
        status: what Headwater does, one of `STATUSES`.
        test: where it is shown, below `tests`.
        note: limits, or the decision behind a difference.
    """

    area: str
    name: str
    spark: str
    status: str
    test: str
    note: str = ""


_ARGUMENTS = """
name | yes | works | spark/test_update |
comment | yes | works | spark/test_update_tables |
spark_conf | yes | works | spark/test_update_flow_settings | of a table without a query: no effect
table_properties | yes | works | spark/test_update_tables |
path | no | limited | spark/test_update_tables | local folders and volumes
partition_cols | yes | works | spark/test_update_tables |
cluster_by_auto | no | no effect | unit/test_api |
cluster_by | yes | works | spark/test_update_tables |
schema | yes | limited | spark/test_update_tables | identity on streaming tables; defaults refused
row_filter | no | no effect | unit/test_api | `headwater run` names it
private | no | works | spark/test_update |
temporary | no | works | unit/test_api | legacy name of private
replace_using | no | works | spark/test_update_replace |
replace_where | no | works | spark/test_update_replace | SQL text or a Column
sequence_by | yes | works | spark/test_cdc_vectors |
refresh_policy | no | limited | unit/test_api | auto and full; every refresh recomputes
expect_all | no | works | spark/test_update_cdc |
expect_all_or_drop | no | works | spark/test_update_cdc |
expect_all_or_fail | no | works | spark/test_update |
target | yes | works | spark/test_update_cdc |
once | no | works | spark/test_update_cdc |
depends_on | no | works | spark/test_update_flow_settings |
import_checkpoint | no | refused | unit/test_api | checkpoints of a workspace are not here
condition | no | works | spark/test_update_habits | SQL text or a Column; NULL is a violation
expectations | no | works | spark/test_expectations |
source | yes | works | spark/test_update_cdc |
keys | yes | works | spark/test_cdc_vectors |
system_sequence_by | no | works | spark/test_cdc_bitemporal |
ignore_null_updates | no | works | spark/test_cdc_batches |
ignore_null_updates_column_list | no | works | spark/test_update_sql_source |
ignore_null_updates_except_column_list | no | works | unit/test_api |
columns_to_update | no | works | spark/test_cdc_batches |
apply_as_deletes | yes | works | spark/test_cdc_vectors |
apply_as_truncates | no | works | spark/test_cdc_vectors | SCD type 1
column_list | yes | works | spark/test_cdc_batches |
except_column_list | yes | works | spark/test_cdc_vectors |
stored_as_scd_type | yes | works | spark/test_update_cdc | 1, 2 and bitemporal
track_history_column_list | yes | works | spark/test_update_cdc |
track_history_except_column_list | yes | works | spark/test_update_sql_source |
flow_name | yes | works | unit/test_api | another name of `name`
format | yes | limited | spark/test_update_sinks | of a table: delta
options | yes | works | spark/test_update_sinks
max_allowable_consecutive_failures | no | works | unit/test_event_hooks
where | no | works | unit/test_api | a row that does not meet it fails the flow
"""

_FUNCTION_TESTS = {
    "table": "spark/test_update",
    "materialized_view": "spark/test_update",
    "temporary_view": "spark/test_update",
    "view": "spark/test_update",
    "create_streaming_table": "spark/test_update_cdc",
    "append_flow": "spark/test_update_cdc",
    "create_auto_cdc_flow": "spark/test_update_cdc",
    "expect_or_drop": "spark/test_update_habits",
    "expect_or_fail": "spark/test_update_errors",
    "expect_all": "spark/test_update_habits",
    "expect_all_or_drop": "spark/test_update_habits",
    "expect_all_or_fail": "spark/test_update",
    "apply_changes": "spark/test_update_tables",
    "create_auto_cdc_from_snapshot_flow": "spark/test_update_snapshots",
    "apply_changes_from_snapshot": "spark/test_update_snapshots",
    "read": "spark/test_update",
    "read_stream": "spark/test_update",
    "readStream": "spark/test_update_habits",
    "create_sink": "spark/test_update_sinks",
    "foreach_batch_sink": "spark/test_update_sinks",
    "update_flow": "spark/test_update_sinks",
    "replace_flow": "spark/test_update_replace",
    "on_event_hook": "unit/test_event_hooks",
}
"""Where a function is shown to work."""

_FORMAT_TESTS = dict.fromkeys(("avro", "binaryFile", "orc"), "spark/test_autoloader_orc_binary")
"""Where a format is shown whose name no file of tests has."""

_OPTION_TESTS = {
    "cloudfiles.allowoverwrites": "spark/test_autoloader_overwrites",
    "badrecordspath": "spark/test_autoloader_bad_records",
    "singlevariantcolumn": "spark/test_autoloader_variant",
    "cloudfiles.cleansource": "spark/test_update_files",
    "cloudfiles.cleansource.retentionduration": "unit/test_autoloader_cleaning",
    "cloudfiles.cleansource.movedestination": "unit/test_autoloader_cleaning",
}
"""Where an option is shown that needs a test of its own."""

_OPTION_NOTES = {
    "badrecordspath": "of csv, json",
    "singlevariantcolumn": "of csv, json, xml",
    "cloudfiles.maxfileage": "at least 14 days; a file that was read is never forgotten",
}

_CLAUSES = """
AS | yes | works | query of a dataset
FLOW | yes | works | AUTO CDC, INSERT and REPLACE, BY NAME
COMMENT | yes | works |
TBLPROPERTIES | yes | works |
PARTITIONED BY | yes | works |
CLUSTER BY | yes | works | AUTO has no effect
LOCATION | no | limited | local folders and volumes
USING | yes | limited | DELTA
SCHEDULE | no | no effect |
TRIGGER ON UPDATE | no | no effect |
DEFAULT COLLATION | no | limited | UTF8_BINARY
WITH ROW FILTER | no | no effect | `headwater run` names it
ROW FILTER | no | no effect | `headwater run` names it
REFRESH POLICY | no | refused |
KEYS | yes | works |
IGNORE NULL UPDATES | no | works |
APPLY AS DELETE WHEN | yes | works |
APPLY AS TRUNCATE WHEN | no | works |
SEQUENCE BY | yes | works |
SYSTEM SEQUENCE BY | no | works |
COLUMNS TO UPDATE | no | works |
COLUMNS | yes | works |
STORED AS | yes | works |
TRACK HISTORY ON | yes | works |
WHERE | no | works |
"""

_EVENTS = """
create_update | works | unit/test_event_log |
user_action | limited | spark/test_update_events | START alone
runtime_details | limited | spark/test_update_events | `dbr_version` names Headwater and Spark
update_progress | works | spark/test_update_continuous | `cancellation_cause` is USER_ACTION
flow_progress | works | spark/test_update_events | with metrics, backlogs and data_quality
flow_definition | limited | spark/test_update_events | without `explain_text`
dataset_definition | works | spark/test_update |
sink_definition | works | spark/test_update_sinks
deprecation | refused | unit/test_api | not written: old names work as ever
cluster_resources | refused | unit/test_event_log | not written: there is no cluster
autoscale | refused | unit/test_event_log | not written: there is no cluster
planning_information | works | spark/test_update_idle | COMPLETE_RECOMPUTE and NO_OP
hook_progress | works | unit/test_event_hooks
operation_progress | limited | spark/test_update_events | AUTO_LOADER_LISTING
stream_progress | works | spark/test_update_events | without folders and times of rows
"""

_STARTS = """
refresh of all tables | works | spark/test_update | `headwater run`
refresh of some tables | works | spark/test_update | `--refresh`
full refresh | works | spark/test_update | `--full-refresh`
refresh of failed tables | works | spark/test_update_recovery | `--refresh-failed`
reset of checkpoints | works | spark/test_update_recovery | `--reset-checkpoints`, by flow
validation | works | spark/test_update | `--validate`
continuous | works | spark/test_update_continuous | `--continuous`; without it an update ends
dataset gone from the source | works | spark/test_update_state | inactive, not dropped
retention of the event log | works | unit/test_event_log | `headwater.eventLog.retention`
retry of a flow | works | unit/test_scheduler | `pipelines.maxFlowRetryAttempts`
retry of an update | works | spark/test_update_recovery | `pipelines.numUpdateRetryAttempts`
"""


def rows() -> list[Row]:
    """Return the whole matrix."""
    return [*_functions(), *_arguments(), *_sql(), *_auto_loader(), *_events(), *_starts()]


def known() -> Iterator[tuple[str, str]]:
    """Name everything that needs a row, with its area."""
    for name in (*FUNCTIONS, *DEPRECATED, *upstream.__all__):
        yield "Functions", name
    for function in FUNCTIONS:
        owners = (PipelineApi, FlowApi, SinkApi)
        made = next(getattr(each, function) for each in owners if hasattr(each, function))
        for argument in inspect.signature(made).parameters:
            if argument not in ("self", *_FUNCTION_GIVEN):
                yield "Arguments", argument
    for clause in (*parse.CLAUSES, *changes.CLAUSES):
        yield "Clauses of SQL", clause
    for name in formats.OF_DATABRICKS:
        yield "Formats of Auto Loader", name
    for name in option_tables.EVOLUTION_MODES:
        yield "Evolution modes of Auto Loader", name
    for name in option_tables.KNOWN | formats.READER_OPTIONS:
        yield "Options of Auto Loader", name


def page() -> str:
    """Return the text of docs/parity-reference.md."""
    lines = [
        "# Parity, name by name",
        "",
        "Written by `make parity` from `tests/parity.py` and the tables of the code; what it all",
        "means together is in [parity.md](parity.md). Spark is its own declarative engine, of 4.2.",
        "**works**: as Databricks documents it. **no effect**: accepted, changes nothing here.",
        "**limited**: in part, see the note. **differs**: see the decision. **refused**: an error",
        "that names it, or, of events, one that is not written.",
    ]
    area = ""
    for row in rows():
        if row.area != area:
            area = row.area
            lines += ["", f"## {area}", "", "| name | Spark | Headwater | test | note |"]
            lines.append("|---|---|---|---|---|")
        lines.append(f"| `{row.name}` | {row.spark} | {row.status} | `{row.test}` | {row.note} |")
    return "\n".join(lines) + "\n"


def _cells(table: str) -> Iterator[list[str]]:
    for line in table.strip().splitlines():
        yield [cell.strip() for cell in line.split("|")]


def _functions() -> Iterator[Row]:
    area = "Functions"
    for name in FUNCTIONS:
        test = _FUNCTION_TESTS.get(name, "spark/test_update_habits")
        yield Row(area, name, _in_spark(name), "works", test)
    for name, meaning in DEPRECATED.items():
        yield Row(area, name, "no", "works", "unit/test_api", f"old name of `{meaning}`")


def _in_spark(name: str) -> str:
    return "yes" if name in upstream.__all__ else "no"


def _arguments() -> Iterator[Row]:
    for name, spark, status, test, *note in _cells(_ARGUMENTS):
        yield Row("Arguments", name, spark, status, test, *note)


def _sql() -> Iterator[Row]:
    for name, spark, status, *note in _cells(_CLAUSES):
        yield Row("Clauses of SQL", name, spark, status, "unit/test_sql_parse", *note)


def _auto_loader() -> Iterator[Row]:
    for name in formats.OF_DATABRICKS:
        has = name.lower() in formats.FORMATS
        test = _FORMAT_TESTS.get(name, f"spark/test_autoloader_{name.lower()}")
        status = "works" if has else "refused"
        yield Row("Formats of Auto Loader", name, "no", status, test)
    area = "Evolution modes of Auto Loader"
    for name in option_tables.EVOLUTION_MODES:
        if name != option_tables.WIDENING_MODE:
            yield Row(area, name, "no", "works", "spark/test_autoloader_source")
    of = ", ".join(row.name for row in formats.FORMATS.values() if row.widens)
    test, note = "spark/test_autoloader_widening", f"of {of}; refused with other formats"
    yield Row(area, option_tables.WIDENING_MODE, "no", "limited", test, note)
    area = "Options of Auto Loader"
    spelled = {name.lower(): name for name in (*option_tables.SPELLINGS, *formats.SPELLINGS)}
    for name in sorted(option_tables.KNOWN | formats.READER_OPTIONS):
        status, note = _option(name)
        test = _OPTION_TESTS.get(name, "unit/test_autoloader_options")
        yield Row(area, spelled.get(name, name), "no", status, test, note)


def _option(name: str) -> tuple[str, str]:
    of = [row.name for row in formats.FORMATS.values() if name in row.option_names]
    if of:
        return "works", f"of {', '.join(of)}"
    if name in option_tables.BUILT:
        return "works", _OPTION_NOTES.get(name, "")
    if name in option_tables.LISTED:
        return "no effect", "files are found by listing; `headwater run` names it"
    if name in option_tables.NO_EFFECT:
        return "no effect", ""
    if name in option_tables.ONLY_VALUE:
        return "limited", f"only `{option_tables.ONLY_VALUE[name]}`"
    return "refused", ""


def _events() -> Iterator[Row]:
    for name, status, test, *note in _cells(_EVENTS):
        yield Row("Types of events", name, "no", status, test, *note)


def _starts() -> Iterator[Row]:
    for name, status, test, *note in _cells(_STARTS):
        yield Row("Updates", name, "", status, test, *note)


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"wrote {PAGE.name}\n")
