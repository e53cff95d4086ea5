"""Covariances of the random effects draw by draw, and what follows from them: lme4's VarCorr table and the shares of the variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws import names, tails
from gibbs.draws.outline import FactorOutline, Outline
from gibbs.draws.records import Draws
from gibbs.model import families, laws, structures
from gibbs.posterior import intervals

if TYPE_CHECKING:
    import pandas as pd

WRITTEN = {"logit": "π²/3", "probit": "1", "cloglog": "π²/6"}
"""How the variance of the latent variable behind a link is written."""


def hyper(draws: Draws, outline: Outline, name: str) -> np.ndarray:
    """(chain, draw) of one sd, correlation, sigma or nu by name; one that the model fixes is constant. KeyError if there is none."""
    if name in draws.hyper_names:
        return np.asarray(draws.hyper[:, :, draws.hyper_names.index(name)], dtype=np.float64)
    return np.full(draws.hyper.shape[:2], names.fixed_values(outline)[name])


def covariance(draws: Draws, outline: Outline, factor: FactorOutline, group: str = "") -> np.ndarray:
    """Σ of one factor (of one group of its levels), (chain, draw, q, q), block diagonal over its terms.

    Of Student-t effects it is the scale matrix: their variance is Σ df/(df − 2).
    """
    chains, kept = draws.hyper.shape[:2]
    columns = len(factor.columns)
    sigma = np.zeros((chains, kept, columns, columns))
    start = 0
    for term in (t for t in factor.terms if t.group == group):
        place = {column: start + a for a, column in enumerate(term.columns)}
        sd = {column: hyper(draws, outline, names.sd_name(factor.name, column, group)) for column in term.columns}
        for column, a in place.items():
            sigma[:, :, a, a] = sd[column] ** 2
        for first, second in names.correlation_pairs(term):
            a, b = place[first], place[second]
            correlation = hyper(draws, outline, names.correlation_name(factor.name, first, second, group))
            sigma[:, :, a, b] = sigma[:, :, b, a] = correlation * sd[first] * sd[second]
        start += len(term.columns)
    return sigma


def covariances(draws: Draws, outline: Outline, factor: FactorOutline) -> np.ndarray:
    """Σ of every group of levels, (chain, draw, groups, q, q); one group where all levels share a covariance."""
    return np.stack([covariance(draws, outline, factor, group) for group in factor.groups or ("",)], axis=2)


def degrees_of_freedom(draws: Draws, outline: Outline, factor: FactorOutline) -> np.ndarray | None:
    """df of Student-t effects, (chain, draw); None of normal ones."""
    return None if laws.of(factor).multipliers is None else hyper(draws, outline, names.own_name(factor))


def degree(draws: Draws, outline: Outline, factor: FactorOutline) -> np.ndarray | None:
    """rho of levels that know their neighbours to a degree that is drawn, (chain, draw); None of others."""
    has = factor.structure is not None and factor.structure.has_degree
    return hyper(draws, outline, names.own_name(factor)) if has else None


_NUMBERS = 4_000_000
"""Variances, by draw and level, that are worked out at a time."""


def effect_variance(draws: Draws, outline: Outline, factor: FactorOutline) -> np.ndarray:
    """The variance of z'u averaged over the rows, (chain, draw): mean z'Σz; times df/(df − 2) for Student-t effects, infinite at df ≤ 2;
    where levels know their neighbours mean z'Σz K_jj."""
    rho = degree(draws, outline, factor)
    if rho is not None:
        q, found = len(factor.columns), np.empty(rho.size)
        sigma, values = covariance(draws, outline, factor).reshape(-1, q * q), rho.ravel()
        by_level = factor.cross_product.reshape(-1, q * q)
        together = max(1, _NUMBERS // len(by_level))
        for first in range(0, rho.size, together):
            some = slice(first, first + together)
            at = structures.marginal_variances(factor.structure, values[some])
            found[some] = np.sum((at @ by_level) * sigma[some], axis=1)
        return found.reshape(rho.shape)
    products = factor.cross_product.reshape(-1, len(factor.columns), len(factor.columns))
    variance = np.einsum("csgab,gab->cs", covariances(draws, outline, factor), products)
    df = degrees_of_freedom(draws, outline, factor)
    return variance if df is None else variance * laws.of(factor).inflation(df)


def residual_variance(draws: Draws, outline: Outline, mean: np.ndarray | None = None) -> tuple[np.ndarray, str]:
    """Variance of an outcome about its linear predictor, (chain, draw), and its label.

    gaussian: sigma² (mean of se² for known standard errors, of sigma²/w under precision weights w). student: sigma² nu/(nu − 2),
    infinite where nu ≤ 2.
    links logit, probit, cloglog: the variance π²/3, 1 or π²/6 of the latent residual. Counts: ψ'(μ), of a negative binomial
    ψ'(1/(1/μ + 1/r)), at the mean count μ = ``mean`` (chain, draw) (Nakagawa, Johnson and Schielzeth 2017); 0 where that is not given,
    for the linear predictor itself has no residual.
    """
    shape, family = draws.beta.shape[:2], families.of(outline)
    if family.link == "log" and mean is None:
        return np.zeros(shape), "Residual (none on the log scale)"
    if outline.known_variance is not None:
        return np.full(shape, outline.known_variance), "Residual (known se)"
    own = {name: hyper(draws, outline, name) for name in family.priors(outline)}
    with np.errstate(divide="ignore"):
        found = family.latent_variance(families.Given(family.name, {**own, "link": family.link, "mean": mean}))
    found = np.broadcast_to(found, shape)
    if family.link == "log":
        return found, "Residual (log scale, trigamma)"
    if family.link in WRITTEN:
        return found, f"Residual (latent, {WRITTEN[family.link]})"
    label = "Residual" if outline.variance_factor == 1.0 else "Residual (mean of sigma²/w)"
    return found * outline.variance_factor, label


def varcorr(draws: Draws, outline: Outline) -> pd.DataFrame:
    """lme4's as.data.frame(VarCorr(m)): grp, var1, var2, vcov, sdcor — posterior means.

    vcov is the mean of a variance or covariance, sdcor the mean of an sd or correlation; as means of different quantities
    sdcor² is a little below vcov. A second term of a factor is ``g.1``, as in lme4; the terms of a group of its levels are
    ``g:zA``. Student-t effects have their scales here, whose squares are not quite variances. The last row is the residual
    (sigma; of a student model its scale), absent where there is no sigma. Absent names are None.
    """
    import pandas as pd

    rows: list[tuple[str, str | None, str | None, float, float]] = []
    for factor in outline.factors:
        for block in factor.groups or ("",):
            sigma = covariance(draws, outline, factor, block)
            start = 0
            for number, term in enumerate(t for t in factor.terms if t.group == block):
                group = (f"{factor.name}:{block}" if block else factor.name) + (f".{number}" if number else "")
                for a, column in enumerate(term.columns, start):
                    rows.append((group, column, None, float(sigma[:, :, a, a].mean()), float(np.sqrt(sigma[:, :, a, a]).mean())))
                for first, second in names.correlation_pairs(term):
                    a, b = start + term.columns.index(first), start + term.columns.index(second)
                    correlation = hyper(draws, outline, names.correlation_name(factor.name, first, second, block))
                    rows.append((group, first, second, float(sigma[:, :, a, b].mean()), float(correlation.mean())))
                start += len(term.columns)
    if "sigma" in families.of(outline).priors(outline):
        sd = hyper(draws, outline, "sigma")
        rows.append(("Residual", None, None, float((sd**2).mean()), float(sd.mean())))
    frame = pd.DataFrame(rows, columns=["grp", "var1", "var2", "vcov", "sdcor"])
    for column in ("var1", "var2"):
        frame[column] = frame[column].astype(object).where(frame[column].notna(), None)
    return frame


def variance_shares(draws: Draws, outline: Outline, mean: np.ndarray | None = None, level: float = 0.95) -> pd.DataFrame:
    """Each variance's share of the total of all factors and the residual, computed draw by draw.

    Index ``component``; columns ``variance`` (posterior mean; see ``with_medians``), then of the share: ``share`` (posterior mean),
    ``sd``, ``q2.5``, ``q50``, ``q97.5`` (of another ``level`` under its names). The variance of a factor with slopes is the mean of z'Σz
    over the rows; what the coefficients explain is not part of the total. See ``residual_variance`` for the residual, and ``mean``.
    """
    import pandas as pd

    residual, label = residual_variance(draws, outline, mean)
    parts = [effect_variance(draws, outline, factor) for factor in outline.factors]
    parts.append(residual)
    infinite = np.isinf(parts)
    beyond = infinite.any(axis=0)  # draws in which a Student-t part has no variance: it has the whole of the total
    total = np.sum(np.where(beyond, infinite, parts), axis=0)
    total = np.where(total > 0, total, 1.0)
    shares = [np.where(beyond, own, part) / total for part, own in zip(parts, infinite, strict=True)]
    rows = [
        (
            part.mean(),
            share.mean(),
            share.std(ddof=1) if share.size > 1 else 0.0,
            *np.quantile(share, ((1 - level) / 2, 0.5, (1 + level) / 2)),
        )
        for part, share in zip(parts, shares, strict=True)
    ]
    low, high = intervals.column_names(level)
    index = pd.Index([factor.name for factor in outline.factors] + [label], name="component")
    return with_medians(pd.DataFrame(rows, columns=["variance", "share", "sd", low, "q50", high], index=index), np.array(parts))


def with_medians(table: pd.DataFrame, parts: np.ndarray) -> pd.DataFrame:
    """A table of shares whose ``variance`` is nan where the draws of it (parts, …) are finite and settle no mean; wherever one settles none
    all medians stand beside it in ``variance_q50``. So it is with the variance of a count, which goes with exp(2σ²)."""
    flat = parts.reshape(len(parts), -1)
    without = tails.no_mean(flat.T)
    if without.any():
        table["variance"] = np.where(without & np.isfinite(flat).all(axis=1), np.nan, table["variance"])
        table.insert(1, "variance_q50", np.median(flat, axis=1))
    return table
