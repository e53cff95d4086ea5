"""Tests of gibbs, mirroring the package file by file; ``tests.oracles`` holds the slow, independent answers."""
