"""From a trajectory to its score: what the text says, by which rules, with which weights."""
