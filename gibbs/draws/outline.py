"""Outline: what the posterior needs to know of a Design once the data are gone — names, levels, priors and a few sums.

A Fit keeps an Outline whether it comes from the sampler or from a run folder, so every accessor works on both. Its attributes
carry the names of the Design's (``coefficients``, ``factors``, ``terms``, …): the functions of ``names`` and ``summary`` take either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gibbs.model import structures, survey_weights
from gibbs.model.records import Design, Factor, Prior, Term
from gibbs.model.structures import Structure


@dataclass(frozen=True)
class FactorOutline:
    """A grouping factor without its rows."""

    name: str
    levels: tuple[str, ...]  # J labels
    columns: tuple[str, ...]  # q names
    terms: tuple[Term, ...]
    sizes: np.ndarray  # (J,) rows in each level
    cross_product: np.ndarray  # (q, q) Z'Z/N: the mean of z z' over rows, all that a variance share needs of Z; (groups, q, q) by groups,
    # (J, q, q) by levels where K hangs on a rho
    by: str = ""
    groups: tuple[str, ...] = ()
    group: np.ndarray | None = None  # (J,) of each level, where there are groups
    own_prior: Prior | None = None
    structure: Structure | None = None  # of levels that know their neighbours; from a run folder without its B

    @property
    def shown(self) -> int:
        """How many of the levels tables and pictures show: all, but for mixtures of groups, which come last."""
        return len(self.levels) if self.structure is None or self.structure.groups is None else self.structure.groups


@dataclass(frozen=True)
class Outline:
    """A Design without its rows."""

    family: str
    outcome: str
    coefficients: tuple[str, ...]
    intercept: int | None
    factors: tuple[FactorOutline, ...]
    sigma_prior: Prior | None
    nu_prior: Prior | None
    rows_used: int
    rows_read: int
    dropped: Mapping[str, int]  # column → rows with a missing value there
    notes: tuple[str, ...]
    known_variance: float | None  # mean of se² over rows for y | se(s), else None
    variance_factor: float = 1.0  # mean over rows of the residual variance / sigma²: of 1/w under precision weights w
    outcome_labels: tuple[str, str] | None = None
    link: str = ""
    categories: tuple[str, ...] | None = None  # of an ordinal outcome
    dispersion_prior: Prior | None = None
    cutpoint_prior: Prior | None = None
    outside: int = 0  # rows read that the spec's subset leaves out
    survey: str = ""  # sampling weights in a sentence


def outline(design: Design) -> Outline:
    """The Outline of a Design: one pass over the rows."""
    factors = tuple(
        FactorOutline(
            name=factor.name,
            levels=tuple(factor.levels),
            columns=tuple(factor.columns),
            terms=tuple(factor.terms),
            sizes=rows_of_levels(design, factor),
            cross_product=_cross_product(factor, design.times),
            by=factor.by,
            groups=tuple(factor.groups),
            group=factor.group,
            own_prior=factor.own_prior,
            structure=factor.structure,
        )
        for factor in design.factors
    )
    return Outline(
        family=design.family,
        outcome=design.outcome,
        coefficients=tuple(design.coefficients),
        intercept=design.intercept,
        factors=factors,
        sigma_prior=design.sigma_prior,
        nu_prior=design.nu_prior,
        rows_used=design.rows_used,
        rows_read=design.rows_read,
        dropped=dict(design.dropped),
        outside=design.outside,
        survey="" if design.survey is None else survey_weights.sentence(design.survey),
        notes=tuple(design.notes),
        known_variance=None if design.known_se is None else float(np.average(np.square(design.known_se), weights=design.counts)),
        variance_factor=1.0 if design.precision is None else float(np.average(1.0 / design.precision, weights=design.counts)),
        outcome_labels=design.outcome_labels,
        link=design.link,
        categories=design.categories,
        dispersion_prior=design.dispersion_prior,
        cutpoint_prior=design.cutpoint_prior,
    )


def rows_of_levels(design: Design, factor: Factor) -> np.ndarray:
    """(J,) rows of the data in each level."""
    found = np.bincount(factor.codes, weights=design.counts, minlength=len(factor.levels))
    return found if design.counts is None else np.rint(found).astype(np.int64)


def _cross_product(factor: Factor, times: np.ndarray) -> np.ndarray:
    """Z'Z/N, that of the rows of each group of levels where there are groups (they add up to it).

    Of levels that know their neighbours each row counts as its level's variance K_jj says, so that the mean of z'Σz K_jj over rows, what
    variance shares ask for, is had from it too; where K_jj hangs on a rho that is drawn, rows of each level stand by themselves.
    """
    rows, Z, wZ = max(1.0, times.sum()), factor.Z, factor.Z * times[:, None]
    if factor.structure is not None and factor.structure.has_degree:
        found = np.empty((len(factor.levels), Z.shape[1], Z.shape[1]))
        for a in range(Z.shape[1]):
            for b in range(Z.shape[1]):
                found[:, a, b] = np.bincount(factor.codes, weights=wZ[:, a] * Z[:, b], minlength=len(found)) / rows
        return found
    if factor.structure is not None:
        wZ = wZ * factor.structure.variances[factor.codes][:, None]
    if factor.group is None:
        return wZ.T @ Z / rows
    of_row = factor.group[factor.codes]
    return np.stack([wZ[of_row == g].T @ Z[of_row == g] / rows for g in range(len(factor.groups))])


def to_dict(outline: Outline) -> dict[str, Any]:
    """Plain words and numbers for the manifest; levels and sizes are left out (posterior.nc has them)."""
    return {
        "family": outline.family,
        "outcome": outline.outcome,
        "coefficients": list(outline.coefficients),
        "intercept": outline.intercept,
        "factors": [
            {
                "name": factor.name,
                "levels": len(factor.levels),
                "columns": list(factor.columns),
                "cross_product": factor.cross_product.tolist(),
                "terms": [
                    {
                        "columns": list(term.columns),
                        "sd_priors": [_prior_to_dict(prior) for prior in term.sd_priors],
                        "correlation": _prior_to_dict(term.correlation),
                        "covariance": _prior_to_dict(term.covariance),
                        **({"group": term.group} if term.group else {}),
                        **(
                            {"back": _plain(term.back), "there": _plain(term.there), "written": term.written, "words": list(term.words)}
                            if term.back is not None
                            else {}
                        ),
                    }
                    for term in factor.terms
                ],
                **({"by": factor.by, "groups": list(factor.groups), "group": factor.group.tolist()} if factor.group is not None else {}),
                **({"own_prior": _prior_to_dict(factor.own_prior)} if factor.own_prior is not None else {}),
                **({"structure": structures.to_dict(factor.structure)} if factor.structure is not None else {}),
            }
            for factor in outline.factors
        ],
        "sigma_prior": _prior_to_dict(outline.sigma_prior),
        "nu_prior": _prior_to_dict(outline.nu_prior),
        "rows_used": outline.rows_used,
        "rows_read": outline.rows_read,
        "dropped": dict(outline.dropped),
        "outside": outline.outside,
        "survey": outline.survey,
        "notes": list(outline.notes),
        "known_variance": outline.known_variance,
        "variance_factor": outline.variance_factor,
        "outcome_labels": None if outline.outcome_labels is None else list(outline.outcome_labels),
        "link": outline.link,
        "categories": None if outline.categories is None else list(outline.categories),
        "dispersion_prior": _prior_to_dict(outline.dispersion_prior),
        "cutpoint_prior": _prior_to_dict(outline.cutpoint_prior),
    }


def from_dict(words: Mapping[str, Any], levels: Mapping[str, tuple[str, ...]], sizes: Mapping[str, np.ndarray]) -> Outline:
    """The inverse of ``to_dict``; ``levels`` and ``sizes`` by factor name. KeyError where a part is missing."""
    factors = tuple(
        FactorOutline(
            name=factor["name"],
            levels=levels[factor["name"]],
            columns=tuple(factor["columns"]),
            terms=tuple(
                Term(
                    columns=tuple(term["columns"]),
                    sd_priors=tuple(_prior_from_dict(prior) for prior in term["sd_priors"]),
                    correlation=_prior_from_dict(term["correlation"]),
                    covariance=_prior_from_dict(term["covariance"]),
                    group=term.get("group", ""),
                    back=_frozen(term["back"]) if "back" in term else None,
                    there=_frozen(term["there"]) if "there" in term else None,
                    written=term.get("written", False),
                    words=tuple(term.get("words", ())),
                )
                for term in factor["terms"]
            ),
            sizes=sizes[factor["name"]],
            cross_product=np.asarray(factor["cross_product"], dtype=np.float64),
            by=factor.get("by", ""),
            groups=tuple(factor.get("groups", ())),
            group=np.asarray(factor["group"], dtype=np.int32) if "group" in factor else None,
            own_prior=_prior_from_dict(factor.get("own_prior", factor.get("df_prior"))),
            structure=structures.from_dict(factor["structure"]) if "structure" in factor else None,
        )
        for factor in words["factors"]
    )
    labels = words["outcome_labels"]
    return Outline(
        family=words["family"],
        outcome=words["outcome"],
        coefficients=tuple(words["coefficients"]),
        intercept=words["intercept"],
        factors=factors,
        sigma_prior=_prior_from_dict(words["sigma_prior"]),
        nu_prior=_prior_from_dict(words["nu_prior"]),
        rows_used=words["rows_used"],
        rows_read=words["rows_read"],
        dropped=dict(words["dropped"]),
        outside=words.get("outside", 0),
        survey=words.get("survey", ""),
        notes=tuple(words["notes"]),
        known_variance=words["known_variance"],
        variance_factor=float(words.get("variance_factor", 1.0)),
        outcome_labels=None if labels is None else (labels[0], labels[1]),
        link=words.get("link", ""),
        categories=None if words.get("categories") is None else tuple(words["categories"]),
        dispersion_prior=_prior_from_dict(words.get("dispersion_prior", words.get("shape_prior"))),  # its name in older folders
        cutpoint_prior=_prior_from_dict(words.get("cutpoint_prior")),
    )


def _prior_to_dict(prior: Prior | None) -> dict[str, Any] | None:
    return None if prior is None else {"kind": prior.kind, "args": _plain(prior.args), "source": prior.source}


def _prior_from_dict(words: Mapping[str, Any] | None) -> Prior | None:
    return None if words is None else Prior(words["kind"], _frozen(words["args"]), words["source"])


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, (tuple, list)) else value


def _frozen(value: Any) -> Any:
    return tuple(_frozen(v) for v in value) if isinstance(value, (tuple, list)) else value
