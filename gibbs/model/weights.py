"""Weights of rows: what ``weights(w, type = …)`` and the spec's key ``weights:`` may say, and why the others are refused."""

from __future__ import annotations

from gibbs.errors import nearest

TYPES = {"frequency": ("frequency", "fweight"), "precision": ("precision",)}
"""The types there are, and other names of them (Stata's). frequency: the row stands for w equal ones. precision: the row is an average
of w, or as good as one; its residual variance is sigma²/w."""

_OTHERS = {
    ("sampling", "survey", "probability", "design", "poststratification", "post-stratification", "pweight", "ipw"): (
        "weights that make a sample represent a population do not belong in a likelihood; put what they are made of among the "
        "predictors, and poststratify"
    ),
    ("analytic", "reliability", "aweight"): (
        "weights that divide the residual variance, so that it is sigma²/w, are of type precision (analytic weights of other programs are "
        "these, sometimes rescaled to a mean of 1, which changes sigma and nothing else)"
    ),
    ("variance", "var", "se", "sd"): (
        "precision weights are proportional to 1/variance; where the standard errors themselves are known, write y | se(s)"
    ),
    ("likelihood", "importance", "power", "iweight"): (
        "with powers of the likelihood there is no model of the data that the posterior could be of"
    ),
}


def kind_of(word: str) -> str:
    """The type that ``word`` names: ``frequency`` or ``precision``; "" where there is none such."""
    return next((kind for kind, spelt in TYPES.items() if word.strip().lower() in spelt), "")


def problem(kind: str) -> str:
    """Why weights of this type are refused, in a sentence or two; empty for those of ``TYPES``."""
    word = kind.strip().lower()
    if kind_of(word):
        return ""
    allowed = "The types of weights are frequency, a row that stands for w equal ones, and precision, a residual variance of sigma²/w"
    why = next((why for names, why in _OTHERS.items() if word in names), None)
    if why is None:
        return f"{allowed}; '{kind}' is no type known here.{nearest(word, TYPES)}"
    return f"{allowed}. It is not {word}: {why}."
