"""Trajectories as one HTML file: curves, a table, and every rollout with its boxes.

Reads what `record.record` describes, and nothing else of a run: no ms-swift, no model, no network.
The page is one file that works from a disk; everything a model wrote reaches it as data, never as
markup.
"""
