"""The parameters of the tasks of the patient flow's jobs."""

from headwater.tasks.parameters import IDENTIFIER, Parameter

CATALOG = Parameter("catalog", IDENTIFIER, "the catalog of the target")
LANDING = Parameter("landing_path", r"(/Volumes/|abfss?://).+", "the folder that events land in")
LIMITS = Parameter("limits", r".+\.yml", "the file of limits of the target")
RUN = Parameter("run_id", r"[\w.-]+", "the id of the job run, {{job.run_id}}")
EVENTS = Parameter("events", r"[1-9]\d{0,6}", "how many events to simulate", "2000")
REPORTS = Parameter("reports_path", r"/Volumes/.+", "the folder that reports are kept in")
TABLE = Parameter("table", rf"({IDENTIFIER}\.){{2}}{IDENTIFIER}", "a table of the pipeline")
TARGET = Parameter("target", r"[\w-]+", "the target of the bundle, ${bundle.target}")
