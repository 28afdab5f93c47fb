"""`headwater ops deploy-jobs` as a script; options and exit status are the same."""

from headwater.cli.endings import run_program
from headwater.cli.ops import ops

run_program(ops.commands["deploy-jobs"], "deploy_jobs.py")
