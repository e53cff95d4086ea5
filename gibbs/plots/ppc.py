"""Posterior predictive checks: outcomes that the model predicts, against those that were observed, as fits the family.

gaussian, student: densities. logit, probit, numbers of trials: binned residuals (Gelman and Hill 2007, section 5.6) and a separation plot
(Greenhill, Ward and Sacks 2011). Counts: a hanging rootogram (Kleiber and Zeileis 2016). Ordinal: the categories.

Or statistics of one's own (``gibbs.plots.statistics``), as Gelman, Meng and Stern (1996).

Every outcome counts once: a row of frequency weight w is w outcomes, a row without an outcome is none. Replications are drawn row by row
for the groups that were observed, with a generator seeded by the run's seed, so that the picture of a run is always the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gibbs.draws import names
from gibbs.errors import PlotError
from gibbs.model.families import COUNT, Given, of
from gibbs.model.records import Design
from gibbs.plots import asked, choose, density, statistics
from gibbs.posterior import family as families
from gibbs.posterior import variances
from gibbs.posterior.linear import linear_predictor, spread
from gibbs.posterior.residual import residual_scale

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

OUTCOMES = 200_000
"""Of more outcomes than this, so many are taken at random."""
REPLICATIONS = 50
"""Curves of the densities."""
COUNTED = 400
"""Replications behind intervals of counts, and draws behind expected probabilities."""
BARS = 50
"""Counts beyond so many are shown in bins of equal width."""
STRIPES = 400
_BLOCK = 4_000_000  # numbers held at once


def outcomes(design: Design, seed: int = 0, most: int = OUTCOMES) -> np.ndarray:
    """The row behind every outcome, (n,): rows of weight w come w times, rows without an outcome not at all."""
    if design.counts is not None:
        raise PlotError("the rows of the data were added up where they lie, and none is left to compare with; rows: memory loads them.")
    rows = np.arange(len(design.y))
    times = np.ones(len(rows), dtype=np.int64) if design.weights is None else design.weights.astype(np.int64)
    if design.missing_outcome is not None:
        times = np.where(design.missing_outcome, 0, times)
    total = int(times.sum())
    if not total:
        raise PlotError("no row of the data has an outcome to compare with.")
    if total <= most:
        return np.repeat(rows, times)
    place = np.sort(np.random.default_rng(seed).choice(total, most, replace=False))
    return np.searchsorted(np.cumsum(times), place, side="right")


def predicted(fit: Fit, rows: np.ndarray, draws: int) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    """η (s, n) of rows at evenly spaced draws, a block at a time, with what else the family needs at them."""
    design, outline, arrays = fit.design, fit.outline, fit.arrays
    pick = spread(arrays.beta.shape[0] * arrays.beta.shape[1], draws)
    factors = [(f.codes[rows], f.Z[rows]) for f in design.factors]
    X, offset = design.X[rows], design.offset[rows]
    size = max(1, _BLOCK // max(1, len(rows)))
    for start in range(0, len(pick), size):
        some = pick[start : start + size]
        more: dict[str, Any] = {"link": design.link}
        for name in of(outline).priors(outline):
            more[name] = variances.hyper(arrays, outline, name).reshape(-1)[some, None]
        if design.known_se is not None or design.precision is not None:
            more["sigma"] = residual_scale(design, more.get("sigma"), rows)
        if design.trials is not None:
            more["trials"] = design.trials[rows]
        if design.categories:
            cut = [arrays.hyper_names.index(name) for name in names.cutpoint_names(outline)]
            more["cutpoints"] = arrays.hyper.reshape(-1, arrays.hyper.shape[2])[some][:, cut]
        yield linear_predictor(arrays, X, factors, offset, pick=some), more


def replications(fit: Fit, rows: np.ndarray, draws: int) -> Iterator[np.ndarray]:
    """New outcomes (n,), one array a draw."""
    rng = np.random.default_rng(np.random.SeedSequence([fit.spec.sampling.seed or 0, 20]))
    for eta, more in predicted(fit, rows, draws):
        yield from families.simulate(rng, fit.design.family, eta, **more)


def expected(fit: Fit, rows: np.ndarray, draws: int = COUNTED) -> np.ndarray:
    """(n,) posterior mean of the expected outcome (of one trial)."""
    total, count = np.zeros(len(rows)), 0
    for eta, more in predicted(fit, rows, draws):
        total += families.inverse_link(fit.design.family, eta, link=more["link"]).sum(axis=0)
        count += len(eta)
    return total / count


def overdispersion(fit: Fit, rows: np.ndarray, draws: int = COUNTED) -> np.ndarray:
    """(n,) the variance that the model gives an outcome of so many trials, over that of a binomial; means over draws."""
    record = of(fit.design)
    whole, binomial = np.zeros(len(rows)), np.zeros(len(rows))
    for eta, more in predicted(fit, rows, draws):
        given = Given(record.name, more)
        mean = families.inverse_link(record.name, eta, link=more["link"])
        whole += record.variance(mean, given).sum(axis=0)
        binomial += (given.get("trials", 1) * mean * (1.0 - mean)).sum(axis=0)
    return np.where(binomial > 0, whole / np.where(binomial > 0, binomial, 1.0), 1.0)


def draw(fit: Fit, statistic: statistics.Statistic | Sequence[statistics.Statistic] | None = None) -> Picture:
    """The check that fits the family; or of ``statistic``, one or several: where the data's lies among those of data sets predicted."""
    design = fit.design
    rows = outcomes(design, fit.spec.sampling.seed or 0)
    if statistic is not None:
        wanted = [statistic] if isinstance(statistic, str) or callable(statistic) else list(statistic)
        return statistics.draw(fit, wanted, rows, list(replications(fit, rows, COUNTED)), _taken(design, rows))
    family = of(design)
    if family.is_share:
        return _proportions(fit, rows)
    if family.outcome == COUNT:
        return _counts(fit, rows)
    return _categories(fit, rows) if design.categories else _densities(fit, rows)


def _taken(design: Design, rows: np.ndarray) -> str:
    """What to say where not every outcome is shown."""
    times = np.ones(len(design.y)) if design.weights is None else design.weights
    total = int((times if design.missing_outcome is None else times * ~design.missing_outcome).sum())
    words = f" {len(rows):,} of {total:,} outcomes, taken at random." if len(rows) < total else ""
    missing = 0 if design.missing_outcome is None else int(design.missing_outcome.sum())
    return words + (f" {missing:,} rows without an outcome are left out." if missing else "")


# ---------------------------------------------------------------------------------------------------------- real numbers


@dataclass(frozen=True)
class Densities:
    """grid : (G,). observed : (G,). replicated : (R, G)."""

    grid: np.ndarray
    observed: np.ndarray
    replicated: np.ndarray


def densities(fit: Fit, rows: np.ndarray) -> Densities:
    """Kernel densities of the outcomes and of each replication, all with the bandwidth of the outcomes."""
    y = fit.design.y[rows]
    width = density.bandwidth(y)
    if not width > 0:
        raise PlotError(f"every {fit.outline.outcome} is the same: there is no density to compare.")
    reach = y.max() - y.min()
    grid = np.linspace(y.min() - 0.25 * reach, y.max() + 0.25 * reach, 301)
    made = np.stack([density.kernel(one, grid, width=width) for one in replications(fit, rows, REPLICATIONS)])
    return Densities(grid, density.kernel(y, grid, width=width), made)


def _densities(fit: Fit, rows: np.ndarray) -> Picture:
    from gibbs.plots import canvas

    found = densities(fit, rows)
    figure, axes = canvas.sheet(width=6.3, height=3.9)
    axis = axes[0, 0]
    for k, curve in enumerate(found.replicated):
        axis.plot(found.grid, curve, color=canvas.SKY, linewidth=0.6, alpha=0.6, label=None if k else "predicted")
    axis.plot(found.grid, found.observed, color=canvas.BLACK, linewidth=2.0, label="observed")
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.set_ylim(bottom=0)
    axis.set_xlabel(canvas.shown(fit.outline.outcome, 80))
    axis.set_ylabel("density")
    note = f"Densities of the {len(rows):,} outcomes and of {len(found.replicated)} data sets drawn from the posterior predictive "
    note += f"distribution.{_taken(fit.design, rows)}"
    canvas.head(figure, f"Predicted and observed: {choose.name_of(fit)}", note, canvas.legend_of(axis))
    return figure


# -------------------------------------------------------------------------------------------------- binary and binomial


@dataclass(frozen=True)
class Binned:
    """Bins of rows by fitted probability, lowest first. fitted, residual, error : (B,); error is one standard error of the residual."""

    fitted: np.ndarray
    residual: np.ndarray
    error: np.ndarray
    outcomes: np.ndarray


def binned(p: np.ndarray, y: np.ndarray, trials: np.ndarray, over: np.ndarray | float = 1.0) -> Binned:
    """Mean of y/trials − p in bins of about as many trials each: √n bins (10 to 100 outcomes: 10), as ``binnedplot`` of R's arm.

    Rows with one fitted probability stay in one bin, whatever their order. error: √(Σ n p (1 − p) c) / Σ n, what the model says, with
    c = ``over`` its variance over that of a binomial.
    """
    total = float(trials.sum())
    bins = int(np.sqrt(total)) if total >= 100 else 10 if total > 10 else max(1, int(total) // 2)
    _, which = np.unique(np.round(p, 10), return_inverse=True)
    size = np.bincount(which.reshape(-1), trials)
    bin_of = _fill(size, total / bins)[which.reshape(-1)]
    n = np.bincount(bin_of, trials, minlength=bins)
    keep = n > 0

    def sums(numbers: np.ndarray) -> np.ndarray:
        return np.bincount(bin_of, numbers, minlength=bins)[keep]

    n = n[keep]
    return Binned(sums(trials * p) / n, sums(y - trials * p) / n, np.sqrt(sums(over * trials * p * (1 - p))) / n, n)


def _fill(size: np.ndarray, wanted: float) -> np.ndarray:
    """The bin of every distinct probability, lowest first: a bin is full with ``wanted`` trials; a last one less than half full joins."""
    bin_of, now, held = np.zeros(len(size), dtype=int), 0, 0.0
    for k, more in enumerate(size):
        bin_of[k] = now
        held += more
        if held >= wanted - 1e-9:
            now, held = now + 1, 0.0
    if now and 0 < held < wanted / 2:
        bin_of[bin_of == now] = now - 1
    return bin_of


def separation(p: np.ndarray, y: np.ndarray, trials: np.ndarray, stripes: int = STRIPES) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes in the order of their fitted probabilities, cut into equal parts: the share of events in each, and the mean probability."""
    order = np.argsort(p, kind="stable")
    n, events, chance = trials[order], y[order], (trials * p)[order]
    total = float(n.sum())
    parts = int(min(stripes, total))
    edges = np.linspace(0, total, parts + 1)
    ends = np.concatenate(([0.0], np.cumsum(n)))

    def share(values: np.ndarray) -> np.ndarray:
        return np.diff(np.interp(edges, ends, np.concatenate(([0.0], np.cumsum(values))))) / np.diff(edges)

    return share(events), share(chance)


def _proportions(fit: Fit, rows: np.ndarray) -> Picture:
    from gibbs.plots import canvas

    design = fit.design
    p, y = expected(fit, rows), design.y[rows]
    trials = np.ones(len(rows)) if design.trials is None else design.trials[rows].astype(float)
    bins = binned(p, y, trials, overdispersion(fit, rows) if of(design).parameters else 1.0)
    events, chance = separation(p, y, trials)
    figure, axes = canvas.sheet(2, 1, width=6.5, height=5.6, height_ratios=(2.1, 1))
    top, below = axes[:, 0]
    canvas.zero_line(top, vertical=False)
    for sign in (-2, 2):
        top.plot(bins.fitted, sign * bins.error, color=canvas.GREY, linewidth=0.9, label="±2 standard errors" if sign > 0 else None)
    outside = np.abs(bins.residual) > 2 * bins.error
    for which, face in ((~outside, "white"), (outside, canvas.VERMILLION)):
        edge = canvas.VERMILLION if face != "white" else canvas.BLUE
        top.plot(bins.fitted[which], bins.residual[which], "o", markersize=3.6, color=edge, markerfacecolor=face, markeredgewidth=0.9)
    top.set_xlabel("fitted probability, mean of the bin")
    top.set_ylabel("observed − fitted")
    top.set_title("Binned residuals", loc="left")
    top.margins(y=0.12)
    top.legend(loc="lower right", ncols=1)
    below.imshow(events[None, :], cmap="Greys", vmin=0, vmax=1.15, aspect="auto", extent=(0, 1, 0, 1), interpolation="nearest")
    at = (np.arange(len(chance)) + 0.5) / len(chance)
    below.plot(at, chance, color=canvas.BLACK, linewidth=2.6)
    below.plot(at, chance, color=canvas.ORANGE, linewidth=1.4, label="fitted probability")
    below.plot([1 - p @ trials / trials.sum()], [0], marker="^", markersize=7, color=canvas.VERMILLION, clip_on=False, zorder=5)
    below.set_xlim(0, 1)
    below.set_ylim(0, 1)
    below.set_xticks([0, 1], ["lowest fitted", "highest fitted"])
    below.set_ylabel("probability")
    below.set_title("Separation: events (dark) in the order of their fitted probabilities", loc="left")
    share = 100 * float(np.mean(~outside))
    note = (
        f"{len(bins.fitted)} bins of about {np.median(bins.outcomes):,.0f} outcomes; {share:.0f} % lie within two standard errors, about "
        "95 % would, were the model right (filled: outside). Triangle: so many events are expected to its right. "
    )
    stripes = "Each stripe is one outcome." if len(events) == int(trials.sum()) else "The darker a stripe, the larger its share of events."
    canvas.head(figure, f"Predicted and observed: {choose.name_of(fit)}", note + stripes + _taken(design, rows))
    return figure


# --------------------------------------------------------------------------------------------------------------- counts


@dataclass(frozen=True)
class Frequencies:
    """How often each value (or bin of values) came: observed (K,); replicated: mean (K,), interval (2, K)."""

    edges: np.ndarray  # (K + 1,): bin k holds edges[k] ≤ y < edges[k + 1]
    observed: np.ndarray
    mean: np.ndarray
    interval: np.ndarray


def frequencies(fit: Fit, rows: np.ndarray, edges: np.ndarray) -> Frequencies:
    """Observed and replicated frequencies in bins; the last bin has no upper end."""
    open_ended = np.append(edges[:-1], np.inf)

    def count(y: np.ndarray) -> np.ndarray:
        return np.bincount(np.searchsorted(open_ended, y, side="right") - 1, minlength=len(edges))[: len(edges) - 1]

    made = np.stack([count(np.minimum(one, edges[-1])) for one in replications(fit, rows, COUNTED)])
    return Frequencies(edges, count(fit.design.y[rows]), made.mean(axis=0), np.quantile(made, asked.tails(), axis=0))


def count_edges(y: np.ndarray) -> np.ndarray:
    """0, 1, …, or bins of equal width where the counts go beyond ``BARS``; up to the largest seen."""
    width = max(1, -(-(int(y.max()) + 1) // BARS))
    return np.arange(0, int(y.max()) + 1 + width, width)


def _counts(fit: Fit, rows: np.ndarray) -> Picture:
    from gibbs.plots import canvas

    found = frequencies(fit, rows, count_edges(fit.design.y[rows]))
    width = int(found.edges[1] - found.edges[0])
    centre = found.edges[:-1] + (width - 1) / 2
    figure, axes = canvas.sheet(width=6.5, height=4.2)
    axis = axes[0, 0]
    top = np.sqrt(found.mean)
    bottom = top - np.sqrt(found.observed)
    seen = found.observed > 0
    axis.bar(
        centre[seen],
        np.sqrt(found.observed[seen]),
        bottom=bottom[seen],
        width=0.86 * width,
        color=canvas.LIGHT,
        edgecolor=canvas.GREY,
        linewidth=0.5,
        label="observed",
    )
    low, high = np.sqrt(found.interval)
    axis.fill_between(
        centre, low, high, color=canvas.ORANGE, alpha=0.35, linewidth=0, zorder=3, label=f"{asked.percent()} of data sets predicted"
    )
    axis.plot(centre, top, color=canvas.VERMILLION, marker="o", markersize=3, linewidth=1.2, zorder=4, label="predicted, mean")
    axis.use_sticky_edges = False
    axis.margins(y=0.05)
    axis.axhline(0, color=canvas.BLACK, linewidth=0.8)
    axis.set_xlabel(canvas.shown(fit.outline.outcome, 80) + ("" if width == 1 else f", in bins of {width}"))
    axis.set_ylabel("square root of the frequency")
    note = (
        "Hanging rootogram: bars of what was observed hang from what is predicted. A bar that stops above zero: observed less often than "
    )
    note += f"predicted; below zero: more often. The last bar has all that is larger.{_taken(fit.design, rows)}"
    canvas.head(figure, f"Predicted and observed: {choose.name_of(fit)}", note, canvas.legend_of(axis))
    return figure


def _categories(fit: Fit, rows: np.ndarray) -> Picture:
    from gibbs.plots import canvas

    labels = fit.outline.categories or ()
    found = frequencies(fit, rows, np.arange(len(labels) + 1))
    place = np.arange(len(labels))
    figure, axes = canvas.sheet(width=max(4.8, min(9.0, 1.6 + 0.8 * len(labels))), height=3.9)
    axis = axes[0, 0]
    axis.bar(place, found.observed, width=0.7, color=canvas.LIGHT, edgecolor=canvas.GREY, linewidth=0.6, label="observed")
    axis.vlines(place, *found.interval, color=canvas.BLUE, linewidth=2.0, label=f"{asked.percent()} of data sets predicted")
    axis.plot(place, found.mean, "o", color=canvas.BLUE, markerfacecolor="white", markersize=5, label="predicted, mean")
    long = max(map(len, labels)) * len(labels) > 50
    axis.set_xticks(place, [canvas.shown(label, 20) for label in labels], rotation=30 if long else 0, ha="right" if long else "center")
    axis.set_xlabel(canvas.shown(fit.outline.outcome, 80))
    axis.set_ylabel("frequency")
    axis.set_ylim(0, 1.06 * max(float(found.observed.max()), float(found.interval.max())))
    note = f"How often each category came.{_taken(fit.design, rows)}"
    canvas.head(figure, f"Predicted and observed: {choose.name_of(fit)}", note, canvas.legend_of(axis))
    return figure
