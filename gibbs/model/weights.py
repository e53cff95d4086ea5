"""Weights of rows: what ``weights(w, type = …)`` and the spec's key ``weights:`` may say, and why the others are refused.

Sampling weights w_i, the inverse of the probability that row i was sampled, make a pseudo-posterior: Π_i p(y_i | θ)^{w_i} times the prior
(Savitsky and Toth 2016). How much a row counts depends on the sum of the weights, so they are scaled within the groups that rows come in
(Pfeffermann and others 1998; Rabe-Hesketh and Skrondal 2006): ``size`` makes them sum to n_j, the rows of group j, and ``effective`` to
(Σ w)²/Σ w², the number of rows of equal weight that would say as much of a mean.
"""

from __future__ import annotations

from gibbs.errors import nearest

TYPES = {
    "frequency": ("frequency", "fweight"),
    "precision": ("precision",),
    "sampling": ("sampling", "survey", "probability", "design", "poststratification", "post-stratification", "pweight"),
}
"""The types there are, and other names of them (Stata's among them). frequency: the row stands for w equal ones. precision: the row is an
average of w, or as good as one; its residual variance is sigma²/w. sampling: the row was sampled with a probability proportional to 1/w."""
SCALES = ("size", "effective", "none")
"""How sampling weights are scaled within groups."""
ALL_ROWS = "all"
"""As ``within``: the rows are one group."""

_OTHERS = {
    ("ipw", "treatment"): (
        "weights that balance groups are estimates themselves, which a likelihood does not know; put what they are made of among the "
        "predictors. Where each is the inverse of a probability of being sampled, the type is sampling"
    ),
    ("analytic", "reliability", "aweight"): (
        "weights that divide the residual variance, so that it is sigma²/w, are of type precision (analytic weights of other programs are "
        "these, sometimes rescaled to a mean of 1, which changes sigma and nothing else)"
    ),
    ("variance", "var", "se", "sd"): (
        "precision weights are proportional to 1/variance; where the standard errors themselves are known, write y | se(s)"
    ),
    ("likelihood", "importance", "power", "iweight"): (
        "powers of the likelihood have a meaning as sampling weights, type sampling, scaled (size, effective) or as they are (none)"
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
    allowed = (
        "The types of weights are frequency, a row that stands for w equal ones, precision, a residual variance of sigma²/w, and sampling, "
        "a probability of being sampled proportional to 1/w"
    )
    why = next((why for names, why in _OTHERS.items() if word in names), None)
    if why is None:
        return f"{allowed}; '{kind}' is no type known here.{nearest(word, TYPES)}"
    return f"{allowed}. It is not {word}: {why}."
