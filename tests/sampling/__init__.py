"""Tests of gibbs/sampling: plan, packing, chains, and whether what they draw is the posterior."""
