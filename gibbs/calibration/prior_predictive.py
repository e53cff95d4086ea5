"""What the priors expect before the data speak: data sets simulated from them, in a few numbers beside those of the data.

Each data set has parameters from the priors and an outcome for every row (:func:`gibbs.calibration.datasets.simulate`). Of each, and of the
data themselves, are taken: real outcomes: mean, sd, least, largest; shares: the share; counts: mean, share of zeros, largest; ordinal: the
share of each category; and the sd between the levels of the first grouping factor of their means. A prior is in the way of the data where
they lie outside what it expects, and says hardly anything where it expects what cannot be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.calibration import datasets
from gibbs.errors import SpecError
from gibbs.files import pages, tablefile
from gibbs.model import families
from gibbs.model.families import BINARY, COUNT, ORDINAL, TRIALS
from gibbs.model.records import Design

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)
LEAST, MOST = 20, 100_000
_DRAWN = 1e100
"""Larger numbers are in the table alone."""
_FAR = 50.0
"""A panel has a log scale where the largest number shown is so many times the median."""


@dataclass(frozen=True)
class PriorPredictive:
    """Statistics of data sets from the priors. simulated : (S, K), infinite where they are larger than any number. observed : (K,).

    beyond : data sets with an outcome too large to be fitted. lost : those that are left out, for their linear predictor is no number.
    reason : the commonest of such faults, in words.
    """

    names: tuple[str, ...]
    simulated: np.ndarray = field(repr=False)
    observed: np.ndarray = field(repr=False)
    beyond: int
    title: str = ""
    lost: int = 0
    reason: str = ""

    @property
    def table(self) -> pd.DataFrame:
        """statistic, data, the quantiles of what the priors expect, and ``below``: the share of data sets below the data."""
        import pandas as pd

        columns = {f"q{100 * q:g}": v for q, v in zip(QUANTILES, _quantiles(self.simulated, QUANTILES), strict=True)}
        below = (self.simulated < self.observed).mean(axis=0) + 0.5 * (self.simulated == self.observed).mean(axis=0)
        return pd.DataFrame({"statistic": self.names, "data": self.observed, **columns, "below": below})

    @property
    def sentence(self) -> str:
        """Whether the data lie within what the priors expect."""
        table = self.table
        out = [f"{s} ({'below' if d < low else 'above'})" for s, d, low, high in zip(
            table["statistic"], table["data"], table["q2.5"], table["q97.5"], strict=True) if not low <= d <= high]  # fmt: skip
        reason = self.reason.replace("mostly by", "most often by")
        beyond = f" {self.beyond:,} of the {len(self.simulated) + self.lost:,} data sets hold {reason}." if reason else ""
        beyond += f" {self.lost:,} have no outcome at all, and are left out." if self.lost else ""
        if out:
            return f"The data lie outside 95 % of what the priors expect in {', '.join(out)}.{beyond}"
        return f"The data lie within 95 % of what the priors expect, in every statistic.{beyond}"

    def __repr__(self) -> str:
        return f"{tablefile.text(self.table)}\n\n{self.sentence}"

    def _repr_html_(self) -> str:
        return pages.table(self.table, "What the priors expect, and the data", self.sentence)

    def plot(self, **wanted: Any) -> Figure:
        """A panel a statistic: what the priors expect, and the data; takes ax, size, level, title, path, force."""
        from gibbs import plots

        return plots.drawn(self._draw, **wanted)

    def _draw(self) -> Figure:
        from gibbs.plots import asked, canvas

        columns = min(3, len(self.names))
        rows = -(-len(self.names) // columns)
        figure, axes = canvas.sheet(rows, columns, width=2.7 * columns + 0.6, height=1.0 + 1.9 * rows)
        for k, (axis, name) in enumerate(zip(axes.flat, self.names, strict=False)):
            low, high = _quantiles(self.simulated[:, [k]], asked.tails())[:, 0]
            inside = self.simulated[(self.simulated[:, k] >= low) & (self.simulated[:, k] <= high), k]
            inside = inside[np.abs(inside) < _DRAWN]
            if not len(inside):
                axis.set_axis_off()
                canvas.panel_title(axis, f"{name}: beyond {_DRAWN:.0e}")
                continue
            positive = inside[inside > 0.0]
            far = len(positive) > 0.5 * len(inside) and inside.min() >= 0.0 and inside.max() > _FAR * np.median(positive)
            if far:
                axis.set_xscale("log")
            bins = np.geomspace(positive.min(), positive.max(), 26) if far else 25
            axis.hist(positive if far else inside, bins=bins, color=canvas.SKY, alpha=0.6, label=f"{asked.percent()} of the data sets")
            axis.axvline(self.observed[k], color=canvas.BLACK, linewidth=1.6, label="the data")
            axis.set_yticks([])
            axis.spines["left"].set_visible(False)
            if far:
                canvas.log_ticks(axis, most=4)
            else:
                axis.locator_params(axis="x", nbins=5)
            canvas.panel_title(axis, name)
        canvas.leave_empty(axes.flat[len(self.names) :])
        note = f"{len(self.simulated):,} data sets with parameters from the priors; predictors and groups are the data's. {self.sentence}"
        canvas.head(figure, f"What the priors expect{f': {self.title}' if self.title else ''}", note, canvas.legend_of(axes.flat[0]))
        return figure


def expect(design: Design, data_sets: int = 500, seed: int | None = None, title: str = "") -> PriorPredictive:
    """Simulate ``data_sets`` outcomes of a Design from its priors.

    Raises SpecError for a prior that is flat, for a number of data sets that is none, and where no data set is a number.
    """
    if isinstance(data_sets, bool) or not isinstance(data_sets, int) or not LEAST <= data_sets <= MOST:
        raise SpecError(f"data sets are a whole number from {LEAST} to {MOST:,}; found {data_sets}.", where="prior")
    datasets.check(design)
    rng = np.random.default_rng(np.random.SeedSequence([0 if seed is None else seed, 30]))
    made = [datasets.simulate(design, rng) for _ in range(data_sets)]
    faults = [one.problem for one in made if one.problem]
    have = [one.design for one in made if not one.problem.startswith(datasets.BEYOND_NUMBERS)]
    if len(faults) == len(made):
        raise SpecError(
            f"all {data_sets} data sets of these priors hold {_commonest(faults)}: they are too wide to simulate from.", where="prior"
        )
    names, observed = statistics(design)
    with np.errstate(over="ignore", invalid="ignore"):
        simulated = np.array([statistics(one)[1] for one in have])
    simulated[np.isnan(simulated)] = np.inf  # spreads of infinite numbers
    lost = len(made) - len(have)
    return PriorPredictive(names, simulated, observed, len(faults) - lost, title, lost, _commonest(faults) if faults else "")


def _commonest(faults: list[str]) -> str:
    return max(dict.fromkeys(faults), key=faults.count)


def _quantiles(values: np.ndarray, probabilities: Sequence[float]) -> np.ndarray:
    """(probabilities, K), of columns that may be infinite: between two draws one of which is infinite lies the larger."""
    if np.isfinite(values).all():
        return np.quantile(values, probabilities, axis=0)
    return np.quantile(values, probabilities, axis=0, method="higher")


def statistics(design: Design) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and values of the statistics of one outcome; rows count with their frequency weights, rows without an outcome not at all."""
    weight = np.ones(len(design.y)) if design.weights is None else design.weights.astype(float)
    if design.missing_outcome is not None:
        weight = weight * ~design.missing_outcome
    there, kind = weight > 0, families.of(design).outcome
    y = design.y
    if design.trials is not None:
        weight, y = weight * design.trials, np.divide(design.y, design.trials, out=np.zeros(len(design.y)), where=design.trials > 0)
        there = weight > 0
    mean = float(np.average(y[there], weights=weight[there]))
    name = design.outcome
    if kind in (BINARY, TRIALS):
        found = {f"share of {name}": mean}
    elif kind == COUNT:
        zeros = float(np.average(y[there] == 0, weights=weight[there]))
        found = {f"mean of {name}": mean, "share of zeros": zeros, f"largest {name}": float(y[there].max())}
    elif kind == ORDINAL:
        labels = design.categories or ()
        found = {f"share of {label}": float(np.average(y[there] == k, weights=weight[there])) for k, label in enumerate(labels)}
    else:
        sd = float(np.sqrt(np.average((y[there] - mean) ** 2, weights=weight[there])))
        found = {
            f"mean of {name}": mean,
            f"sd of {name}": sd,
            f"least {name}": float(y[there].min()),
            f"largest {name}": float(y[there].max()),
        }
    if design.factors:
        factor = design.factors[0]
        count = np.bincount(factor.codes, weight, minlength=len(factor.levels))
        total = np.bincount(factor.codes, weight * y, minlength=len(factor.levels))
        means = total[count > 0] / count[count > 0]
        found[f"sd of the means of each {factor.name}"] = float(means.std(ddof=1)) if len(means) > 1 else 0.0
    return tuple(found), np.array(list(found.values()))
