"""Runs that go on: checkpoints of a run that is under way, the end of one that is over, and what stands in a folder of runs."""
