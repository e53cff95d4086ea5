"""Calibration: data simulated from a model's own priors, fitted, and the truth's place among the draws."""
