"""A cheap look at thousands of columns of draws: which of them may be short of their limits. Exact diagnostics are then made of those.

Three numbers a column, from a few passes over the draws and without a sort or a transform:

    rhat    the larger of split R-hat of the draws and that of their distances from the column's mean
    bulk    ESS by batch means (Flegal and Jones 2010): n W / (b times the variance of the means of batches of b draws), BATCHES a chain;
            good to about 12 % with four chains, too large by more where a batch is shorter than a few autocorrelation times
    tail    the smaller of that and the ESS of the distances: where a column changes its spread slowly, its tails are visited seldom though
            its mean is soon known

Ranks are not looked at, so these are no diagnostics to report; for effects, whose posteriors are nearly normal, they are close.
"""

from __future__ import annotations

import numpy as np

BATCHES = 32


def screen(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(R-hat, bulk ESS, tail ESS) about, of (chain, draw, column); nan of columns that never moved, and of fewer draws than 4 a chain."""
    _, draws, columns = x.shape
    half = draws // 2
    if half < 2:
        return (np.full(columns, np.nan),) * 3
    halves = np.concatenate([x[:, :half], x[:, draws - half :]])
    means = halves.mean(axis=1)
    grand = means.mean(axis=0)
    apart = halves - grand
    squares = np.einsum("cdp,cdp->cp", apart, apart) - half * np.square(means - grand)
    with np.errstate(divide="ignore", invalid="ignore"):
        rhat, bulk = _reduction(means, squares, half), _effective(apart, squares)
        np.abs(apart, out=apart)
        distance = apart.mean(axis=1)
        spread = np.einsum("cdp,cdp->cp", apart, apart) - half * np.square(distance)
        rhat = np.fmax(rhat, _reduction(distance, spread, half))
        tail = np.fmin(bulk, _effective(apart, spread))
    moved = squares.sum(axis=0) > 0.0
    return np.where(moved, rhat, np.nan), np.where(moved, bulk, np.nan), np.where(moved, tail, np.nan)


def _reduction(means: np.ndarray, squares: np.ndarray, draws: int) -> np.ndarray:
    """sqrt((B/W + n − 1)/n) of (chain, column) means and sums of squares."""
    between = draws * means.var(axis=0, ddof=1)
    return np.sqrt((between / (squares.mean(axis=0) / (draws - 1)) + draws - 1) / draws)


def _effective(x: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """n W / (b times the variance of batch means) of (half, draw, column); ``squares`` are sums about the means of the halves."""
    halves, draws, columns = x.shape
    b = max(2 * draws // BATCHES, 1)
    count = draws // b
    batches = x[:, draws - b * count :].reshape(halves, count, b, columns).mean(axis=2)
    long_run = b * np.square(batches - batches.mean(axis=(0, 1))).sum(axis=(0, 1)) / (halves * count - 1)
    return halves * draws * np.minimum(squares.mean(axis=0) / (draws - 1) / long_run, 1.0)
