"""Tests of gibbs.kernels."""
