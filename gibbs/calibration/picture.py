"""The rank picture: for each quantity the ECDF of its ranks less that of the uniform, with bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gibbs.calibration import ranks
from gibbs.calibration.ranks import SUITE

if TYPE_CHECKING:
    import pandas as pd

    from gibbs.plots.canvas import Picture

_MOST = 60  # panels; the farthest out are shown where there are more


def draw(quantities: tuple[str, ...], matrix: np.ndarray, L: int, table: pd.DataFrame) -> Picture:
    """Panels of ECDF differences. matrix : (N, K) ranks 0 … L. A band that 95 of 100 exact samplers stay in (or as many as the level that
    was asked for), and for all panels together the wider one that the verdict goes by.
    """
    from gibbs.plots import asked, canvas

    shown = list(range(len(quantities)))
    if len(shown) > _MOST:
        shown = sorted(np.argsort(table["p"].to_numpy(), kind="stable")[:_MOST].tolist())
    n, across = len(matrix), min(4, len(shown))
    down = -(-len(shown) // across)
    figure, axes = canvas.sheet(down, across, width=max(4.8, 2.8 * across), height=2.1 * down + 1.0, sharex=True, sharey=True)
    at = np.arange(L + 2) / (L + 1.0)
    near, far = (_differences(ranks.band(n, L, p), n, at) for p in (asked.now().level, 1.0 - SUITE / len(quantities)))
    for panel, k in zip(axes.flat, shown, strict=False):
        out = table["p_all"].iloc[k] <= SUITE
        panel.fill_between(at, *near, step="post", color=canvas.LIGHT, linewidth=0)
        for edge in far:
            panel.step(at, edge, where="post", color=canvas.GREY, linewidth=0.6, linestyle="--")
        count = np.concatenate([[0], ranks.cumulative(matrix[:, k], L), [n]])
        panel.step(at, count / n - at, where="post", color=canvas.VERMILLION if out else canvas.BLUE, linewidth=1.2)
        panel.axhline(0.0, color=canvas.GREY, linewidth=0.5)
        canvas.panel_title(panel, f"{quantities[k]} (p = {table['p'].iloc[k]:.2g})")
        panel.set_xlim(0.0, 1.0)
    canvas.leave_empty(axes.flat[len(shown) :])
    for column in range(across):
        lowest = axes[(len(shown) - 1 - column) // across, column]
        lowest.set_xlabel("rank, as a share")
        lowest.tick_params(labelbottom=True)
    canvas.side_label(figure, axes, "ECDF − uniform")
    note = f"Ranks of the truths of {n:,} data sets among their draws. Grey: {asked.percent()} band of one quantity; dashed: "
    note += f"{100 * (1 - SUITE):g} % band of all together."
    if len(shown) < len(quantities):
        note += f" Shown: {len(shown)} of {len(quantities)} quantities, the farthest out."
    canvas.head(figure, "Calibration: ranks of truths among draws", note)
    return figure


def _differences(counts: tuple[np.ndarray, np.ndarray], n: int, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The band as differences from the uniform, with its ends at 0 and 1."""
    low, high = (np.concatenate([[0], c, [n]]) / n - at for c in counts)
    return low, high
