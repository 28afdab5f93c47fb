"""Jobs of a workspace that we made and know by their tags: API, tags, which job is the one.

What does not live here: where their definitions come from (`headwater.operations`,
`lakeflow_job_meta`).
"""
