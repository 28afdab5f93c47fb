"""Run an update: resolve the graph, decide which flow runs when and how often, end it."""
