"""Whole days of work, each a script: a data scientist's in a notebook. That of the README, word by word, is ``tests/test_readme.py``."""
