"""What `scripts/rehearse.py` runs: every script for real, with a toy, at the real run's shape."""
