"""The rank picture: for each quantity the ECDF of its ranks less that of the uniform, with bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.calibration import ranks
from gibbs.calibration.ranks import SUITE
from gibbs.errors import GibbsError

if TYPE_CHECKING:
    import pandas as pd

INSIDE = 0.95
"""Probability that one quantity of an exact sampler stays within the band at every point."""
_MOST = 60  # panels; the farthest out are shown where there are more
_BLUE, _RED, _GREY = "#2b5c8a", "#b3261e", "#d9e2ec"


class NoPlots(GibbsError):
    """matplotlib is not there."""

    stage = "plot"


def figure(quantities: tuple[str, ...], matrix: np.ndarray, L: int, table: pd.DataFrame):
    """Panels of ECDF differences. matrix : (N, K) ranks 0 … L. A band that 95 of 100 exact samplers stay in, and for all panels together
    the wider one that the verdict goes by. Raises NoPlots without matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise NoPlots("pictures need matplotlib: pip install 'gibbs-engine[plots]'.") from None

    shown = list(range(len(quantities)))
    if len(shown) > _MOST:
        shown = sorted(np.argsort(table["p"].to_numpy(), kind="stable")[:_MOST].tolist())
    n, across = len(matrix), min(4, len(shown))
    down = -(-len(shown) // across)
    drawn = Figure(figsize=(3.0 * across, 2.1 * down + 0.5), layout="constrained")
    FigureCanvasAgg(drawn)
    axes = np.atleast_1d(drawn.subplots(down, across, sharex=True, sharey=True)).ravel()
    at = np.arange(L + 2) / (L + 1.0)
    near, far = (_differences(ranks.band(n, L, p), n, at) for p in (INSIDE, 1.0 - SUITE / len(quantities)))
    for panel, k in zip(axes, shown, strict=False):
        out = table["p_all"].iloc[k] <= SUITE
        panel.fill_between(at, *near, step="post", color=_GREY, linewidth=0)
        for edge in far:
            panel.step(at, edge, where="post", color="0.6", linewidth=0.6, linestyle="--")
        count = np.concatenate([[0], ranks.cumulative(matrix[:, k], L), [n]])
        panel.step(at, count / n - at, where="post", color=_RED if out else _BLUE, linewidth=1.2)
        panel.axhline(0.0, color="0.6", linewidth=0.5)
        panel.set_title(f"{quantities[k]}  (p = {table['p'].iloc[k]:.2g})", fontsize=8, color=_RED if out else "black")
        panel.tick_params(labelsize=7)
        panel.set_xlim(0.0, 1.0)
    for panel in axes[len(shown) :]:
        panel.set_visible(False)
    left_out = f" ({len(shown)} of {len(quantities)} quantities, the farthest out)" if len(shown) < len(quantities) else ""
    drawn.supxlabel("rank of the truth among its draws, as a share", fontsize=8)
    drawn.supylabel("ECDF less uniform", fontsize=8)
    drawn.suptitle(f"{n} data sets; grey: 95 % band of one quantity; dashed: 99 % band of all together{left_out}", fontsize=8)
    return drawn


def _differences(counts: tuple[np.ndarray, np.ndarray], n: int, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The band as differences from the uniform, with its ends at 0 and 1."""
    low, high = (np.concatenate([[0], c, [n]]) / n - at for c in counts)
    return low, high
