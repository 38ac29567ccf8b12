"""What is looked at before a run goes wrong in silence: names, judge, scheduler, pixels."""
