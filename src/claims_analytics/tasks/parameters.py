"""The parameters of the tasks of the claims jobs."""

from datetime import date

from headwater.tasks.parameters import IDENTIFIER, Parameter

CATALOG = Parameter("catalog", IDENTIFIER, "the catalog of the target")
SCHEMA = Parameter("schema", IDENTIFIER, "the schema of the tables", "synthea")
OPS = Parameter("ops_schema", IDENTIFIER, "the schema of the control tables", "ops")
LANDING = Parameter("base_volume_path", r"/Volumes/.+", "the folder with a folder for each file")
RUN = Parameter("run_id", r"[\w.-]+", "the id of the job run, {{job.run_id}}")
LOAD_TYPE = Parameter("load_type", r"full|incremental", "full or incremental", "full")
AS_OF_DATE = Parameter(
    "as_of_date",
    r"|\d{4}-\d{2}-\d{2}",
    "a date like 2024-01-31, or nothing: the newest",
    "",
    reads=lambda text: text and date.fromisoformat(text),
)
KEY_VERSION = Parameter("key_version", r"[1-9]\d{0,3}", "which key of members: 1, 2, ...", "1")
FACT = Parameter("fact", r"claims|encounters|medications|procedures", "a fact of silver")
TESTING = Parameter("testing_path", r"/Volumes/.+", "the folder for what a test made")
PATIENTS = Parameter("patients", r"[1-9]\d{0,4}", "how many patients to make", "50")

TABLES = (CATALOG, SCHEMA, OPS)
"""What tells where the tables are."""
