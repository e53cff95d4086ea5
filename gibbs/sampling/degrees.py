"""The record of factors whose levels know their neighbours to a degree ρ that is drawn (``kernels/neighbours.py``)."""

from __future__ import annotations

import numpy as np

from gibbs.kernels import layout as kl
from gibbs.kernels import neighbours as kn
from gibbs.kernels import priors as kp
from gibbs.model import laws, prior_kinds
from gibbs.model.records import Design, Factor

CODES = {"ar1": kn.AR1, "bym2": kn.BYM2, "leroux": kn.LEROUX}
"""The laws of ``gibbs.model.laws`` that have a ρ, as the kernels know them."""


def none() -> kl.Neighbours:
    """The record of a model in which no factor has a rho."""
    whole, real = np.zeros(0, dtype=np.int64), np.zeros(0)
    return kl.Neighbours(whole, whole, np.zeros((0, 3)), np.zeros((0, 2)), whole, real, whole, real, np.zeros((3, 0)))


def bounds(factor: Factor) -> tuple[float, float]:
    """Least and greatest rho, by the law and the prior's support."""
    law, prior = laws.of(factor), laws.own_prior(factor)
    if prior.kind == "fixed":
        return law.range
    low, high = prior_kinds.kind_of(prior).support(prior.args)
    return max(low, law.range[0]), min(high, law.range[1])


def of(design: Design, layout: kl.Layout) -> kl.Neighbours:
    """The record of ``design``, whose ``layout`` has B at A(ρ) = I; ``root``, scratch, is a chain's own, and empty here."""
    chosen = np.array([f for f, factor in enumerate(design.factors) if laws.of(factor).name in CODES], dtype=np.int64)
    if not chosen.size:
        return none()
    factors = [design.factors[f] for f in chosen]
    parts = [factor.structure for factor in factors]
    sizes = [0 if part.numbers is None else len(part.numbers) for part in parts]  # none of fields
    priors = [prior_kinds.code(laws.own_prior(factor), on="rho") for factor in factors]
    return kl.Neighbours(
        chosen=chosen,
        law=np.array([CODES[laws.of(factor).name] for factor in factors], dtype=np.int64),
        prior=np.array([(getattr(kp, name), a, b) for name, a, b in priors], dtype=float),
        bounds=np.array([bounds(factor) for factor in factors], dtype=float),
        first=np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64),
        numbers=np.concatenate([np.zeros(0) if part.numbers is None else part.numbers for part in parts]).astype(float),
        component=np.concatenate(
            [np.zeros(J) if p.components is None else p.components[:J] for p, J in zip(parts, sizes, strict=True)]
        ).astype(np.int64),
        V=layout.basis,
        root=np.zeros((3, 0)),
    )
