"""Whether what updates measured is good enough: limits, measures and verdicts. Pure but for files.

What does not live here: running an update, and showing a verdict.
"""
