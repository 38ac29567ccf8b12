"""Counts of trajectories, sums over ranks, and the alarms that they set off."""
