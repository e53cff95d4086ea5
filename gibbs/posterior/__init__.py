"""Draws → answers: the Fit, and what its answers are made of (predictors, families, covariances, log-likelihoods, intervals)."""
