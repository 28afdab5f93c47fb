"""Patient flow: pure functions over hospital events, and the simulator that makes them.

Nothing here knows where it runs: pipelines import it in a workspace and on a laptop alike.
"""
