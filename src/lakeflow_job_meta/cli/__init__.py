"""The command line of lakeflow_job_meta."""
