"""The families of outcomes, as words: names, links, what an outcome may be, and the names people bring from elsewhere.

Free of data and of heavy imports; the kernels that draw each family are in ``gibbs.kernels``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from gibbs.errors import SpecError, nearest


@dataclass(frozen=True)
class Family:
    """One family of outcomes.

    name : as it stands in a spec. link : of the linear predictor to the mean.
    outcome : ``"real"`` (any finite number), ``"binary"`` (two values), ``"trials"`` (successes of so many trials), ``"count"`` or
        ``"ordinal"``.
    has_sigma : a residual sd (student: the scale) is estimated. has_nu : degrees of freedom are estimated.
    latent_sd : residual sd of the latent variable on the link scale: 1 for probit, π/√3 for logit; None where the outcome itself
        is on that scale. It is what variance shares of a binary model divide by.
    description : one line in plain words.
    """

    name: str
    link: str
    outcome: str
    has_sigma: bool
    has_nu: bool
    latent_sd: float | None
    description: str


FAMILIES: dict[str, Family] = {
    f.name: f
    for f in (
        Family("gaussian", "identity", "real", True, False, None, "normal residuals with one sd, sigma"),
        Family("student", "identity", "real", True, True, None, "Student-t residuals with scale sigma and nu degrees of freedom"),
        Family("probit", "probit", "binary", False, False, 1.0, "binary outcome, probability Φ(η): a latent normal with sd 1"),
        Family("logit", "logit", "binary", False, False, math.pi / math.sqrt(3.0), "binary outcome, probability 1/(1+exp(−η))"),
        Family("binomial", "logit", "trials", False, False, math.pi / math.sqrt(3.0), "successes of a number of trials"),
        Family("poisson", "log", "count", False, False, None, "counts with mean exp(η)"),
        Family("negative_binomial", "log", "count", False, False, None, "counts with mean μ = exp(η) and variance μ + μ²/shape"),
        Family("ordinal", "logit", "ordinal", False, False, math.pi / math.sqrt(3.0), "ordered categories, Pr(y ≤ k) = F(c_k − η)"),
    )
}

LINKS: dict[str, tuple[str, ...]] = {"binomial": ("logit", "probit", "cloglog"), "ordinal": ("logit", "probit")}
"""The links of families that have several, the default first."""
LATENT_SD = {"logit": math.pi / math.sqrt(3.0), "probit": 1.0, "cloglog": math.pi / math.sqrt(6.0)}
"""Residual sd of the latent variable behind each link."""

# Other names → the family for each link; the first link is the one meant when none is written.
_ALIASES: dict[str, dict[str, str]] = {
    "normal": {"identity": "gaussian"},
    "linear": {"identity": "gaussian"},
    "t": {"identity": "student"},
    "student_t": {"identity": "student"},
    "studentt": {"identity": "student"},
    "bernoulli": {"logit": "logit", "probit": "probit", "cloglog": "binomial"},
    "binomial": {"logit": "logit", "probit": "probit", "cloglog": "binomial"},
    "binary": {"logit": "logit", "probit": "probit", "cloglog": "binomial"},
    "logistic": {"logit": "logit"},
    "cloglog": {"cloglog": "binomial"},
    "negbin": {"log": "negative_binomial"},
    "negbinomial": {"log": "negative_binomial"},
    "nb": {"log": "negative_binomial"},
    "nbinom2": {"log": "negative_binomial"},
    "cumulative": {"logit": "ordinal", "probit": "ordinal"},
    "ordered": {"logit": "ordinal", "probit": "ordinal"},
}

_CALL = re.compile(r"""^\s*([\w.-]+)\s*(?:\(\s*(?:link\s*=\s*)?["']?(\w*)["']?\s*\))?\s*$""")


def family(name: str, link: str | None = None, *, trials: bool = False, where: str = "") -> Family:
    """The family that ``name`` (and ``link``) stands for.

    ``name`` is one of ``FAMILIES``, another name for one of them (``normal``, ``t``, ``bernoulli``, ``binomial``), or either with its
    link as R writes it: ``binomial(probit)``, ``binomial(link = "logit")``. ``link`` is the spec's own key ``link:``.
    ``bernoulli`` and ``binomial`` without a link mean logit. Outcomes of 0 and 1 are of family logit or probit; with ``trials``, the
    outcome is counts of trials and all of these are family binomial, as the link cloglog always is.

    Raises SpecError for an unknown name (with the nearest match), a link the family does not have, or two links that differ.
    """
    parts = _CALL.match(name)
    if parts is None:
        raise SpecError(f"'{name}' is not a family. {_allowed(name)}", where=where)
    word = parts[1].lower().replace("-", "_")
    written = (parts[2] or "").lower() or None
    asked = link.strip().lower() if link else None
    if written and asked and written != asked:
        raise SpecError(f"the family says link {written}, the key link says {asked}; keep one.", where=where)
    asked = written or asked
    links = (
        _ALIASES.get(word) or {link: word for link in LINKS.get(word, (FAMILIES[word].link,))}
        if word in FAMILIES or word in _ALIASES
        else None
    )
    if links is None:
        raise SpecError(f"unknown family '{parts[1]}'. {_allowed(word)}", where=where)
    if asked is None:
        asked = next(iter(links))
    if asked not in links:
        have = " or ".join(links)
        raise SpecError(f"family {word} has no link '{asked}'; its link is {have}.{nearest(asked, links)}", where=where)
    found = FAMILIES[links[asked]]
    if trials and found.outcome == "binary":
        found = FAMILIES["binomial"]
    if found.name in LINKS:
        found = replace(found, link=asked, latent_sd=LATENT_SD[asked])
    return found


def _allowed(word: str) -> str:
    known = [*FAMILIES, "bernoulli", "binomial", "normal"]
    return f"The families are {', '.join(FAMILIES)} (bernoulli and binomial with link logit, probit or cloglog).{nearest(word, known)}"
