"""What a run says on the console."""
