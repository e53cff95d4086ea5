"""A cheap look at thousands of columns of draws: which of them may be short of their limits. Exact diagnostics are then made of those.

Two numbers a column, from a few passes over the draws and without a sort or a transform (some 5 ns a draw, where the exact ones take 60):

    rhat    the larger of split R-hat of the draws and that of their distances from the column's mean
    ess     by batch means (Flegal and Jones 2010): n W / (b times the variance of the means of batches of b draws), BATCHES a chain; good
            to about 12 % with four chains, too large by more where a batch is shorter than a few autocorrelation times

Ranks are not looked at, so these are no diagnostics to report; for effects, whose posteriors are nearly normal, they are close.
"""

from __future__ import annotations

import numpy as np

BATCHES = 32


def screen(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R-hat, ESS) about, of (chain, draw, column); nan for columns that never moved, and for fewer draws than 4 a chain."""
    chains, draws, columns = x.shape
    half = draws // 2
    if half < 2:
        return np.full(columns, np.nan), np.full(columns, np.nan)
    halves = np.concatenate([x[:, :half], x[:, draws - half :]])
    means = halves.mean(axis=1)
    grand = means.mean(axis=0)
    apart = halves - grand
    squares = np.einsum("cdp,cdp->cp", apart, apart) - half * np.square(means - grand)
    np.abs(apart, out=apart)
    distance = apart.mean(axis=1)
    spread = np.einsum("cdp,cdp->cp", apart, apart) - half * np.square(distance)
    b = max(draws // BATCHES, 1)
    count = draws // b
    batches = x[:, draws - b * count :].reshape(chains, count, b, columns).mean(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        rhat = np.fmax(_reduction(means, squares, half), _reduction(distance, spread, half))
        long_run = b * np.square(batches - batches.mean(axis=(0, 1))).sum(axis=(0, 1)) / (chains * count - 1)
        ess = chains * draws * np.minimum(squares.mean(axis=0) / (half - 1) / long_run, 1.0)
    moved = squares.sum(axis=0) > 0.0
    return np.where(moved, rhat, np.nan), np.where(moved, ess, np.nan)


def _reduction(means: np.ndarray, squares: np.ndarray, draws: int) -> np.ndarray:
    """sqrt((B/W + n − 1)/n) of (chain, column) means and sums of squares."""
    between = draws * means.var(axis=0, ddof=1)
    return np.sqrt((between / (squares.mean(axis=0) / (draws - 1)) + draws - 1) / draws)
