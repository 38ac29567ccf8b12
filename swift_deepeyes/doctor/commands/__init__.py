"""The commands of a run, `swift rlhf` and `swift rollout`, looked at before they are started."""
