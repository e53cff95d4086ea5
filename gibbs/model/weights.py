"""Types of weights: what ``weights(w, type = …)`` and the spec's key ``weights:`` may say, and why the others are refused."""

from __future__ import annotations

from gibbs.errors import nearest

FREQUENCY = ("frequency", "fweight")
"""The type there is, and Stata's name for it: the row stands for w equal ones."""

_OTHERS = {
    ("sampling", "survey", "probability", "design", "poststratification", "post-stratification", "pweight", "ipw"): (
        "weights that make a sample represent a population do not belong in a likelihood; put what they are made of among the "
        "predictors, and poststratify"
    ),
    ("precision", "analytic", "reliability", "variance", "aweight"): (
        "weights that divide the residual variance are not available yet; known standard errors are, y | se(s)"
    ),
    ("likelihood", "importance", "power", "iweight"): (
        "with powers of the likelihood there is no model of the data that the posterior could be of"
    ),
}


def problem(kind: str) -> str:
    """Why weights of this type are refused, in a sentence or two; empty for those of ``FREQUENCY``."""
    word = kind.strip().lower()
    if word in FREQUENCY:
        return ""
    allowed = "The type of weights is frequency: a row that stands for w equal ones"
    why = next((why for names, why in _OTHERS.items() if word in names), None)
    if why is None:
        return f"{allowed}; '{kind}' is no type known here.{nearest(word, FREQUENCY[:1])}"
    return f"{allowed}. It is not {word}: {why}."
