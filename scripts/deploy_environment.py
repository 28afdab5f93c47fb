"""`headwater ops deploy-environment` as a script; options and exit status are the same."""

from headwater.cli.endings import run_program
from headwater.cli.ops import ops

run_program(ops.commands["deploy-environment"], "deploy_environment.py")
