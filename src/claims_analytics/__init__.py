"""Claims analytics: what insurers and patients paid, by member and month, from Synthea's files.

Nothing here knows where it runs: pipelines import it in a workspace and on a laptop alike.
"""
