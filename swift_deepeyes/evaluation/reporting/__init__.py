"""From the trials of an evaluation to its figures, intervals and tables."""
