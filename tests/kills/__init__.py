"""Runs that are killed at random moments, gone on with, and compared byte by byte with runs that were never interrupted."""
