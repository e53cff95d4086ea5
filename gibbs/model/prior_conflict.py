"""Stated priors of coefficients that the data contradict grossly: warned of by name, never changed.

A stated normal prior N(m, s²) on w'β is held against an estimate that knows no prior and no groups: least squares, or Fisher scoring for
the other families (an ordinal outcome is split at its middle category). Its standard error se is the largest of the sandwich estimates
with rows, or the levels of a grouping factor, as independent pieces. A warning is given where

    |w'b − m| > 5 √(s² + se²)

which a coefficient that comes from its prior exceeds once in 10⁶. Student-t priors of few df are left out: their tails give way.
"""

from __future__ import annotations

import numpy as np

from gibbs.model import families
from gibbs.model.prior_rows import aliased
from gibbs.model.records import CoefficientPrior, Design
from gibbs.numerals import plain

GROSS = 5.0
LEAST_DF = 10.0
MOST_WORK = 4e9
"""Rows times columns² times steps that are spent on it; of more rows every so many-th is taken."""
MOST_ROWS = 1_000_000
"""Rows that are taken at most, whatever the columns."""
_STEPS = 30


def messages(design: Design) -> list[str]:
    """A sentence for each such prior."""
    stated = [row for row in design.coefficient_priors if row.prior.source != "default" and row.df >= LEAST_DF]
    if not stated or design.basis is None:
        return []
    rows = _rows(design)
    if len(rows) < design.X.shape[1] + 10:
        return []
    with np.errstate(all="ignore"):
        found = _estimate(design, rows)
    if found is None:
        return []
    theta, covariances = found
    said = []
    for row in stated:
        inner = design.basis.back.T @ row.weights if row.inner is None else row.inner
        value = float(inner @ theta)
        error = float(np.sqrt(max(float(inner @ C @ inner) for C in covariances)))
        if np.isfinite([value, error]).all() and abs(value - row.mean) > GROSS * np.hypot(row.scale, error):
            said.append(_sentence(design, row, value, error))
    return said


def _sentence(design: Design, row: CoefficientPrior, value: float, error: float) -> str:
    how = "least squares says" if families.of(design).outcome == families.REAL else "a fit without priors and groups says"
    away = abs(value - row.mean) / row.scale
    return (
        f"the prior {row.label}: {row.prior} and the data disagree: {how} {plain(value, 3)} (standard error {plain(error, 2)}), "
        f"{plain(away, 3)} of the prior's sds from its mean. The prior will pull the answer there; "
        "is it meant for another unit, or another column?"
    )


def _rows(design: Design) -> np.ndarray:
    """The places of the rows with an outcome, as many as are looked at."""
    keep = np.arange(len(design.y)) if design.missing_outcome is None else np.flatnonzero(~design.missing_outcome)
    if design.trials is not None:
        keep = keep[design.trials[keep] > 0]
    passes = 1 if families.of(design).outcome == families.REAL else _STEPS
    every = int(np.ceil(len(keep) * max(max(design.X.shape[1], 1) ** 2 * passes / MOST_WORK, 1.0 / MOST_ROWS)))
    return keep[:: max(every, 1)]


def _estimate(design: Design, rows: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]] | None:
    """θ of the centred basis and its covariances; None where there is no estimate."""
    R = design.basis.rows(design.X, rows)
    some = design.basis.some(rows)
    if aliased(design.X[rows], some, design.intercept):
        return None
    size = np.abs(R).max(axis=0)
    if not (size > 0).all() or not np.isfinite(size).all():
        return None
    R /= size
    y, offset, family = design.y[rows].astype(float), design.offset[rows], families.of(design)
    n = np.ones(len(y)) if design.trials is None else design.trials[rows].astype(float)
    times = np.ones(len(y)) if design.weights is None else design.weights[rows].astype(float)
    if design.categories:
        middle = np.searchsorted(np.cumsum(np.bincount(y.astype(int))) / len(y), 0.5)
        y = (y > min(int(middle), len(design.categories) - 2)).astype(float)
        R = np.column_stack([R, np.ones(len(y))])
        size = np.append(size, 1.0)
    precise = design.precision if design.known_se is None else design.known_se**-2.0
    precise = np.ones(len(y)) if precise is None else precise[rows]
    theta = np.zeros(R.shape[1])
    real = families.of(design).outcome == families.REAL
    for _ in range(_STEPS):
        eta = R @ theta + offset
        weight, score = (precise, precise * (y - eta)) if real else _score(family, eta, y, n)
        information = (R * (times * weight)[:, None]).T @ R
        try:
            change = np.linalg.solve(information, R.T @ (times * score))
        except np.linalg.LinAlgError:
            return None
        theta = theta + change * min(1.0, 5.0 / max(float(np.abs(R @ change).max()), 1e-300) if not real else 1.0)
        if real or float(np.abs(R @ change).max()) < 1e-6:
            break
    else:
        return None
    eta = R @ theta + offset
    score = precise * (y - eta) if real else _score(family, eta, y, n)[1]
    bread = np.linalg.inv(information)
    pieces = [np.arange(len(y)), *(f.codes[rows] for f in design.factors)]
    covariances = [bread @ _meat(R, times, score, piece, rows_alone=k == 0) @ bread for k, piece in enumerate(pieces)]
    p = design.X.shape[1]
    scale = 1.0 / np.outer(size[:p], size[:p]) * len(y) / max(len(y) - p, 1)
    return theta[:p] / size[:p], [C[:p, :p] * scale for C in covariances]


def _meat(R: np.ndarray, times: np.ndarray, score: np.ndarray, piece: np.ndarray, *, rows_alone: bool) -> np.ndarray:
    """Σ over pieces of the outer product of the sum of their scores; a row of frequency w is w rows."""
    if rows_alone:
        return (R * (times * score**2)[:, None]).T @ R
    sums = np.stack([np.bincount(piece, weights=r * times * score) for r in R.T], axis=1)
    return sums.T @ sums


def _score(family: families.Family, eta: np.ndarray, y: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fisher's weight and the derivative of the log-likelihood in η, (N,) each."""
    from scipy import special

    eta = np.clip(eta, -30.0, 30.0)
    if family.link == "log":
        mean = np.exp(eta)
        return mean, y - mean
    if family.link == "probit":
        share, slope = special.ndtr(eta), np.exp(-0.5 * eta**2) / np.sqrt(2 * np.pi)
    elif family.link == "cloglog":
        share, slope = -np.expm1(-np.exp(eta)), np.exp(eta - np.exp(eta))
    elif family.link != "logit":
        raise ValueError(f"link {family.link} has no score here")
    else:
        share = special.expit(eta)
        slope = share * (1.0 - share)
    variance = np.maximum(share * (1.0 - share), 1e-12)
    return n * slope**2 / variance, slope * (y - n * share) / variance
