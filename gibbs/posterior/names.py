"""Parameter names, as brms writes them: ``b_x``, ``sd_g__Intercept``, ``cor_g__Intercept__x``, ``sigma``, ``nu``, ``r_g[level,term]``."""

from __future__ import annotations

from gibbs.model.records import Design, Factor, Prior, Term
from gibbs.posterior.outline import FactorOutline, Outline

Model = Design | Outline
AnyFactor = Factor | FactorOutline


def coefficient_names(model: Model) -> tuple[str, ...]:
    """``b_Intercept``, ``b_x``, … in the order of the columns of X."""
    return tuple(f"b_{name}" for name in model.coefficients)


def sd_name(factor: str, column: str) -> str:
    """``sd_province__Intercept``."""
    return f"sd_{factor}__{column}"


def correlation_name(factor: str, first: str, second: str) -> str:
    """``cor_province__Intercept__x``, columns in the order of the term."""
    return f"cor_{factor}__{first}__{second}"


def correlation_pairs(term: Term) -> tuple[tuple[str, str], ...]:
    """Pairs of columns that have a correlation, in brms' order (1,2), (1,3), (2,3), …; none for a term of one column."""
    return tuple((term.columns[a], term.columns[b]) for b in range(len(term.columns)) for a in range(b))


def cutpoint_names(model: Model) -> tuple[str, ...]:
    """``b_Intercept[1]``, … of an ordinal model."""
    return tuple(f"b_Intercept[{k}]" for k in range(1, len(model.categories))) if model.categories else ()


def hyper_names(model: Model) -> tuple[str, ...]:
    """Names of every sd, correlation, cutpoint, sigma, nu and shape of the model: factor by factor its sds, then its correlations."""
    names: list[str] = []
    for factor in model.factors:
        names += [sd_name(factor.name, column) for column in factor.columns]
        names += [correlation_name(factor.name, a, b) for term in factor.terms for a, b in correlation_pairs(term)]
    names += cutpoint_names(model)
    names += [name for name in ("sigma", "nu", "shape") if getattr(model, f"{name}_prior") is not None]
    return tuple(names)


def ranef_names(model: Model) -> tuple[str, ...]:
    """``r_province[21809,Intercept]``, … in the order of ``Draws.u``: factor by factor, level by level, column by column."""
    return tuple(f"r_{factor.name}[{level},{column}]" for factor in model.factors for level in factor.levels for column in factor.columns)


def hyper_priors(model: Model) -> dict[str, Prior | None]:
    """The prior of every sd, sigma, nu and shape by name (None under a prior on the whole covariance); correlations are not listed."""
    priors: dict[str, Prior | None] = {}
    for factor in model.factors:
        for term in factor.terms:
            for a, column in enumerate(term.columns):
                priors[sd_name(factor.name, column)] = None if term.covariance is not None else term.sd_priors[a]
    for name in ("sigma", "nu", "shape"):
        if getattr(model, f"{name}_prior") is not None:
            priors[name] = getattr(model, f"{name}_prior")
    return priors


def fixed_values(model: Model) -> dict[str, float]:
    """Parameters that the model fixes at a value: prior ``fixed(value)``."""
    return {name: float(prior.args[0]) for name, prior in hyper_priors(model).items() if prior is not None and prior.kind == "fixed"}
