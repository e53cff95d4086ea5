"""Whole days of work, each a script: a survey, a notebook, an audit. The first, the README word by word, is ``tests/test_readme.py``."""
