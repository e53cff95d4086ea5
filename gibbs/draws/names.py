"""Parameter names, as brms writes them: ``b_x``, ``sd_g__Intercept``, ``cor_g__Intercept__x``, ``sigma``, ``nu``, ``r_g[level,term]``."""

from __future__ import annotations

from gibbs.draws.outline import FactorOutline, Outline
from gibbs.model import families, laws
from gibbs.model.records import Design, Factor, Prior, Term

Model = Design | Outline
AnyFactor = Factor | FactorOutline


def coefficient_names(model: Model) -> tuple[str, ...]:
    """``b_Intercept``, ``b_x``, … in the order of the columns of X."""
    return tuple(f"b_{name}" for name in model.coefficients)


def sd_name(factor: str, column: str, group: str = "") -> str:
    """``sd_province__Intercept``; of one group of levels (``gr(g, by = z)``) ``sd_province__Intercept:zA``."""
    return f"sd_{factor}__{column}{_of(group)}"


def centred_columns(term: Term) -> tuple[str, ...]:
    """Columns of a correlated term whose sd is another with the columns beside them at their means."""
    return () if term.back is None else tuple(c for c, words in zip(term.columns, term.words, strict=True) if words)


def at_means_name(factor: str, column: str, group: str = "") -> str:
    """``sd_state__Intercept_at_means``: of the effects with the columns beside it at their means (:mod:`gibbs.draws.at_means`)."""
    return f"{sd_name(factor, column, group)}_at_means"


def at_means_names(model: Model) -> tuple[str, ...]:
    """Names of all of these, in the order of ``at_means.values``."""
    return tuple(at_means_name(f.name, c, t.group) for f in model.factors for t in f.terms for c in centred_columns(t))


def correlation_name(factor: str, first: str, second: str, group: str = "") -> str:
    """``cor_province__Intercept__x``, columns in the order of the term."""
    return f"cor_{factor}__{first}{_of(group)}__{second}{_of(group)}"


def own_name(factor: AnyFactor) -> str:
    """``df_province``, ``rho_year``: the own parameter of the law of the effects of a Factor, or of its outline."""
    return f"{laws.of(factor).parameter}_{factor.name}"


def _of(group: str) -> str:
    return f":{group}" if group else ""


def correlation_pairs(term: Term) -> tuple[tuple[str, str], ...]:
    """Pairs of columns that have a correlation, in brms' order (1,2), (1,3), (2,3), …; none for a term of one column."""
    return tuple((term.columns[a], term.columns[b]) for b in range(len(term.columns)) for a in range(b))


def cutpoint_names(model: Model) -> tuple[str, ...]:
    """``b_Intercept[1]``, … of an ordinal model."""
    return tuple(f"b_Intercept[{k}]" for k in range(1, len(model.categories))) if model.categories else ()


def varying_labels(factor: AnyFactor, comma: str = ",") -> dict[str, str]:
    """Sds, correlations and the law's own parameter of one factor, each with its label in a table: ``sd(x)``, ``cor(a,b)``, ``df``."""
    found = {sd_name(factor.name, c, t.group): f"sd({c}{_of(t.group)})" for t in factor.terms for c in t.columns}
    for term in factor.terms:
        found |= {at_means_name(factor.name, c, term.group): f"sd({c}{_of(term.group)} at means)" for c in centred_columns(term)}
    for term in factor.terms:
        at = _of(term.group)
        found |= {correlation_name(factor.name, a, b, term.group): f"cor({a}{at}{comma}{b}{at})" for a, b in correlation_pairs(term)}
    return found | ({own_name(factor): laws.of(factor).parameter} if laws.of(factor).parameter else {})


def hyper_names(model: Model) -> tuple[str, ...]:
    """Names of every sd, correlation, df, rho, cutpoint, sigma, nu and shape: factor by factor its sds, its correlations, its law's own."""
    names: list[str] = []
    for factor in model.factors:
        names += [sd_name(factor.name, column, term.group) for term in factor.terms for column in term.columns]
        names += [correlation_name(factor.name, a, b, term.group) for term in factor.terms for a, b in correlation_pairs(term)]
        names += [own_name(factor)] if laws.of(factor).parameter else []
    names += cutpoint_names(model)
    return (*names, *families.of(model).priors(model))


def ranef_names(model: Model) -> tuple[str, ...]:
    """``r_province[21809,Intercept]``, … in the order of ``Draws.u``: factor by factor, level by level, column by column."""
    return tuple(f"r_{factor.name}[{level},{column}]" for factor in model.factors for level in factor.levels for column in factor.columns)


def hyper_priors(model: Model) -> dict[str, Prior | None]:
    """The prior of every sd, df, rho, sigma, nu and shape by name (None under one on the whole covariance); correlations are not listed."""
    priors: dict[str, Prior | None] = {}
    for factor in model.factors:
        for term in factor.terms:
            for a, column in enumerate(term.columns):
                priors[sd_name(factor.name, column, term.group)] = None if term.covariance is not None else term.sd_priors[a]
        if (own := laws.own_prior(factor)) is not None:
            priors[own_name(factor)] = own
    return priors | families.of(model).priors(model)


def fixed_values(model: Model) -> dict[str, float]:
    """Parameters that the model fixes at a value: prior ``fixed(value)``."""
    return {name: float(prior.args[0]) for name, prior in hyper_priors(model).items() if prior is not None and prior.kind == "fixed"}
