"""IoT analytics: what devices report and what is known of them, from files to bronze tables.

Nothing here knows where it runs: pipelines import it in a workspace and on a laptop alike.
"""
