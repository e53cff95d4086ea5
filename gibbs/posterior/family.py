"""The numbers of each family of outcomes that answers are made of: inverse link, pointwise log-likelihood, new outcomes, latent variance.

Each function asks the family's record (``gibbs.model.families``), where the definitions stand. Everything is elementwise with numpy's
broadcasting: η may be (N,) or (draws, N), with the family's parameters (draws, 1) under their names. Cutpoints have one axis more at their
end: (C − 1,), or (draws, C − 1) for η (draws, N). ``link`` is needed only where it is not the family's first. For y | se(s), σ is s.
Log-likelihoods are whole (with their constants) and accurate in both tails, |η| up to 700.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gibbs.model import families
from gibbs.model.families.numbers import distribution, exp

LINKS: dict[str, tuple[str, ...]] = {f.name: f.links for f in families.FAMILIES.values()}
"""The links of every family, the one meant by "" first."""


def link_of(family: str, link: str = "") -> str:
    """The link that is in force. ValueError for a family or a link that does not exist."""
    return families.with_link(family, link).link


def needs(family: str) -> tuple[str, ...]:
    """What a family needs beside η: its parameters, ``cutpoints``, and ``trials``, which are 1 where none are given."""
    record = families.named(family)
    further = {"trials": ("trials",), "ordinal": ("cutpoints",)}.get(record.outcome, ())
    return (*(p.name for p in record.parameters), *further)


def _given(family: str, link: str, values: dict[str, Any]) -> tuple[families.Family, families.Given]:
    record = families.with_link(family, link)
    unknown = [name for name in values if name not in (*families.PARAMETERS, "trials", "cutpoints", "mean")]
    if unknown:
        raise TypeError(f"no family has a parameter {', '.join(unknown)}; there are {', '.join(families.PARAMETERS)}, trials and cutpoints")
    return record, families.Given(family, {**values, "link": record.link})


def inverse_link(family: str, eta: Any, *, link: str = "", cutpoints: Any = None) -> np.ndarray:
    """E(y | η): of binary and binomial families the probability of one success, (…) as η; of ordinal, Pr(y = k) of every k, (…, C)."""
    eta = np.asarray(eta, dtype=float)
    record, given = _given(family, link, {"cutpoints": cutpoints})
    if record.expected is not None:
        return record.expected(eta, given)
    if record.link == "identity":
        return eta
    return exp(eta) if record.link == "log" else distribution(eta, record.link)


def log_likelihood(family: str, y: Any, eta: Any, *, link: str = "", **parameters: Any) -> np.ndarray:
    """log p(y | η) of every row, with all constants: the shape of y and η (and the parameters) broadcast together.

    y: 0/1 of logit and probit, successes of binomial, counts, 0 … C − 1 of ordinal. A frequency weight multiplies the result.
    """
    record, given = _given(family, link, parameters)
    return record.log_likelihood(np.asarray(y, dtype=float), np.asarray(eta, dtype=float), given)


def simulate(rng: np.random.Generator, family: str, eta: Any, *, link: str = "", **parameters: Any) -> np.ndarray:
    """New outcomes, float64, as Design.y holds them: one for each η.

    Means of counts above 1e15 give the mean itself (its own sd is smaller than 1e-7 of it); infinite means are infinite counts.
    """
    record, given = _given(family, link, parameters)
    return record.simulate(rng, np.asarray(eta, dtype=float), given)


def latent_variance(family: str, link: str = "", *, mean: Any = None, **parameters: Any) -> float | np.ndarray:
    """Variance of an outcome about η on the scale of η, the residual's part of a variance share.

    gaussian: σ². student: σ² ν/(ν − 2), infinite where ν ≤ 2. logit, probit, cloglog (binary, of one trial, ordinal): π²/3, 1, π²/6, of the
    latent variable. poisson, negative_binomial: ψ'(μ) and ψ'(1/(1/μ + 1/r)) at the mean count ``mean`` (Nakagawa, Johnson and
    Schielzeth 2017, eqs 8 and S2: the trigamma function), about 1/μ and 1/μ + 1/r.
    """
    record, given = _given(family, link, {**parameters, "mean": mean})
    return record.latent_variance(given)
