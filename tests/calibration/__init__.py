"""Tests of gibbs/calibration."""
