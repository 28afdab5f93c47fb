"""`headwater ops export-jobs` as a script; options and exit status are the same."""

from headwater.cli.endings import run_program
from headwater.cli.ops import ops

run_program(ops.commands["export-jobs"], "export_jobs.py")
