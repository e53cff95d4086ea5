"""The families of outcomes, one record each: their words, parameters, numbers, kernels, and lines in other programs.

Whatever depends on the family asks ``of(model)`` and reads the record; no other place lists families by name. Records are free of data and
of heavy imports; the kernels that draw each family are in ``gibbs.kernels``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from gibbs.errors import SpecError, nearest
from gibbs.model.families.beta_binomial import BETA_BINOMIAL
from gibbs.model.families.counts import NEGATIVE_BINOMIAL, POISSON
from gibbs.model.families.ordered import CUMULATIVE
from gibbs.model.families.real import GAUSSIAN, STUDENT
from gibbs.model.families.record import (
    APART,
    BINARY,
    COUNT,
    EQUAL,
    ORDINAL,
    REAL,
    SUM,
    TRIALS,
    Family,
    Given,
    Parameter,
)
from gibbs.model.families.shares import BINOMIAL, LOGIT, PROBIT

__all__ = [
    "APART",
    "BINARY",
    "COUNT",
    "EQUAL",
    "FAMILIES",
    "LINKS",
    "ORDINAL",
    "PARAMETERS",
    "REAL",
    "SUM",
    "TRIALS",
    "Family",
    "Given",
    "Parameter",
    "family",
    "named",
    "of",
    "with_link",
]

FAMILIES: dict[str, Family] = {
    f.name: replace(f, link=f.links[0])
    for f in (GAUSSIAN, STUDENT, PROBIT, LOGIT, BINOMIAL, POISSON, NEGATIVE_BINOMIAL, CUMULATIVE, BETA_BINOMIAL)
}
"""Every family by name, with its first link."""

LINKS: dict[str, tuple[str, ...]] = {f.name: f.links for f in FAMILIES.values() if len(f.links) > 1}
"""The links of families that have several, the default first."""

PARAMETERS: dict[str, Parameter] = {p.name: p for f in FAMILIES.values() for p in f.parameters}
"""Every positive parameter that some family has beside its linear predictor, in the order of summaries."""

# Names that stand for several families, by link; the first link is the one meant when none is written.
_SHARES = {"logit": "logit", "probit": "probit", "cloglog": "binomial"}
_ALIASES: dict[str, dict[str, str]] = {
    **{alias: dict.fromkeys(f.links, f.name) for f in FAMILIES.values() for alias in f.aliases},
    "bernoulli": _SHARES,
    "binomial": _SHARES,
    "binary": _SHARES,
    "cloglog": {"cloglog": "binomial"},
}

_CALL = re.compile(r"""^\s*([\w.-]+)\s*(?:\(\s*(?:link\s*=\s*)?["']?(\w*)["']?\s*\))?\s*$""")


def named(name: str) -> Family:
    """The family of this name with its first link. ValueError where there is none."""
    if name not in FAMILIES:
        raise ValueError(f"there is no family '{name}'; the families are {', '.join(FAMILIES)}")
    return FAMILIES[name]


def with_link(name: str, link: str = "") -> Family:
    """The family of this name with this link, its first where "". ValueError for a family or a link that does not exist."""
    found = named(name)
    if not link:
        return found
    if link not in found.links:
        raise ValueError(f"family {name} has no link '{link}'; it has {', '.join(found.links)}")
    return replace(found, link=link)


def of(model: Any) -> Family:
    """The family of a Design, or of what has its ``family`` and ``link``. ValueError where they do not exist."""
    return with_link(model.family, model.link)


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
    links = _ALIASES.get(word) or (dict.fromkeys(FAMILIES[word].links, word) if word in FAMILIES else None)
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
    return replace(found, link=asked)


def _allowed(word: str) -> str:
    known = [*FAMILIES, "bernoulli", "binomial", "normal"]
    return f"The families are {', '.join(FAMILIES)} (bernoulli and binomial with link logit, probit or cloglog).{nearest(word, known)}"
