"""Tests of the shipped examples: the specs, their simulated data, and the recovery of what was simulated."""
