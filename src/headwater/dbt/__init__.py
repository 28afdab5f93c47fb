"""Run dbt commands in a target's Spark session, and keep what came of them.

`runner` runs a command for a target; `library` has all that imports dbt, an extra. What does not
live here: the command line (`cli.dbt_commands`), the task of a job (`jobs.dbt`) and what notebooks
call (`tasks.dbt`).
"""
