"""Posteriors as tables: summaries of parameters, groups and ranks, and pages of several fits for terminals, Markdown and LaTeX."""
