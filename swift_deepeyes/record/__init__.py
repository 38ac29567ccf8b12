"""A trajectory with its score on disk: one writer, one reader."""
