"""Prior against posterior of every coefficient, sd, correlation and parameter of the family: what was said before, and what the data said.

Default priors of coefficients are stated on combinations w_r'β of them (:mod:`gibbs.model.default_rows`): with as many statements as
coefficients β = W⁻¹(mean + scale·ε), and a coefficient's prior is normal where all that it hangs on are, a t where it hangs on one
statement alone, and else taken from draws.

Under a prior on a whole covariance matrix the density shown is what it implies for each sd and correlation (q columns):

    huang_wand(ν, A)            sd_k ~ half-t(ν, A_k); cor: density ∝ (1 − ρ²)^(ν/2 − 1)          Huang and Wand (2013), section 2
    inverse_wishart(df, S)      variance_k ~ inverse-gamma((df − q + 1)/2, S_kk/2); cor: that of the 2 × 2 block, which is
                                inverse-Wishart(df − q + 2, S_block); see ``wishart_correlation``
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gibbs.draws import names
from gibbs.draws.outline import Outline
from gibbs.errors import OutputError, PlotError
from gibbs.model import families, laws
from gibbs.model.prior_kinds import cut_off
from gibbs.model.priors import describe, log_density
from gibbs.model.records import CoefficientPrior, Prior, Term
from gibbs.plots import choose, density
from gibbs.posterior import parameters as named

if TYPE_CHECKING:
    from gibbs.plots.canvas import Picture
    from gibbs.posterior.fit import Fit

MOST = 24
GRID = 401
SIMULATED = 40_000
"""Draws of a covariance whose priors are stated at means, for the density of an sd or a correlation as written."""
EDGE = 1e-4
"""Correlations are shown up to here from ±1, where their priors may be 0 or infinite."""


@dataclass(frozen=True)
class Known:
    """A parameter before the data: its density, its bounds, and the prior in words."""

    name: str
    density: Callable[[np.ndarray], np.ndarray]
    low: float
    high: float
    words: str


def known(outline: Outline) -> list[Known]:
    """Every sd, correlation, df, rho and parameter of the family that the model does not fix."""
    found: list[Known] = []
    for factor in outline.factors:
        for term in factor.terms:
            for a, column in enumerate(term.columns):
                if (one := _of_sd(term, a, names.sd_name(factor.name, column, term.group))) is not None:
                    found.append(one)
        for term in factor.terms:
            for first, second in names.correlation_pairs(term):
                name = names.correlation_name(factor.name, first, second, term.group)
                if (one := _of_correlation(term, term.columns.index(first), term.columns.index(second), name)) is not None:
                    found.append(one)
    scalars = [(names.own_name(f), laws.own_prior(f), laws.of(f).range) for f in outline.factors if laws.of(f).parameter]
    scalars += [(name, prior, (0.0, math.inf)) for name, prior in families.of(outline).priors(outline).items()]
    for name, prior, (low, high) in scalars:
        if prior is not None and prior.kind not in ("fixed", "flat"):
            least = 1.0 if cut_off(prior, name) else low
            found.append(_scalar(name, prior, least, high, describe(prior, name), lower=least))
    return found


def coefficients(statements: Sequence[CoefficientPrior], labels: Sequence[str]) -> list[Known]:
    """Of the coefficients ``labels`` (columns of X) those with a proper prior: stated, or implied by what is stated of several."""
    from scipy import stats

    if not statements:
        return []
    W = np.array([row.weights for row in statements])
    size = np.abs(W).max(axis=1)
    whole = len(W) == len(labels) and np.linalg.matrix_rank(W / size[:, None]) == len(labels)
    inverse = np.linalg.inv(W / size[:, None]) / size if whole else None
    found = []
    for j, label in enumerate(labels):
        if inverse is None:
            on = [r for r, row in enumerate(W) if row[j] == 1.0 and np.count_nonzero(row) == 1]
            share = {r: 1.0 for r in on[:1]}
        else:
            reach = np.abs(inverse[j]) * [row.scale for row in statements]
            share = {r: float(inverse[j, r]) for r in np.flatnonzero(reach > 1e-9 * reach.max())}
        if not share:
            continue
        rows = [statements[r] for r in share]
        mean = sum(a * row.mean for a, row in zip(share.values(), rows, strict=True))
        scale = math.hypot(*(a * row.scale for a, row in zip(share.values(), rows, strict=True)))
        own = len(rows) == 1 and np.count_nonzero(rows[0].weights) == 1
        if all(np.isinf(row.df) for row in rows):
            law, words = stats.norm(mean, scale), f"normal, mean {_number(mean)}, sd {_number(scale)}"
        elif len(rows) == 1:
            law, words = stats.t(rows[0].df, mean, scale), f"Student-t, {rows[0].df:g} df, centre {_number(mean)}, scale {_number(scale)}"
        else:
            law, words = _Drawn(share, rows), "a sum of what is stated of several together"
        words = describe(rows[0].prior) if own else f"{words}, implied by what is stated with the predictors at their means"
        found.append(Known(f"b_{label}", law.pdf, -math.inf, math.inf, words))
    return found


def _number(value: float) -> str:
    return f"{value:.3g}"


class _Drawn:
    """The law of Σ_r a_r (mean_r + scale_r ε_r) where some are t: a kernel density of draws."""

    def __init__(self, share: Mapping[int, float], rows: Sequence[CoefficientPrior]) -> None:
        rng = np.random.default_rng(0)
        self.draws = np.zeros(SIMULATED)
        for a, row in zip(share.values(), rows, strict=True):
            noise = rng.standard_normal(SIMULATED) if np.isinf(row.df) else rng.standard_t(row.df, SIMULATED)
            self.draws += a * (row.mean + row.scale * noise)

    def pdf(self, x: np.ndarray) -> np.ndarray:
        return density.kernel(self.draws, np.asarray(x, dtype=float))


def _scalar(name: str, prior: Prior, low: float, high: float, words: str, lower: float = 0.0, columns: int = 2) -> Known:
    def at(x: np.ndarray) -> np.ndarray:
        return np.exp(log_density(prior, x, lower=lower, columns=columns))

    return Known(name, at, low, high, words)


def _of_sd(term: Term, a: int, name: str) -> Known | None:
    whole = term.covariance
    if whole is None:
        prior = term.sd_priors[a]
        if _elsewhere(term, a):
            return _simulated(name, term, a, a)
        return None if prior.kind in ("fixed", "flat") else _scalar(name, prior, 0.0, math.inf, describe(prior))
    if whole.kind == "huang_wand":
        scale = whole.args[1]
        implied = Prior("half_t", (whole.args[0], 0.0, scale[a] if isinstance(scale, tuple) else scale))
    else:
        df, scale = whole.args
        implied = Prior("inverse_gamma", ((df - len(term.columns) + 1) / 2, _entry(scale, a, a) / 2))
    return _scalar(name, implied, 0.0, math.inf, f"implied by {describe(whole)}")


def _elsewhere(term: Term, a: int) -> bool:
    """Whether the priors are on a column as it is with the others at their means, which is another than the one as written."""
    return term.back is not None and not term.written and bool(term.words[a])


def _simulated(name: str, term: Term, a: int, b: int) -> Known | None:
    """The density that priors stated at the means imply for an sd (a = b) or a correlation as written, from draws of them.

    Of an sd, the density of its log by a kernel, divided by it: the tails are heavy. Of a correlation that of its inverse hyperbolic
    tangent, times that function's slope. None where a prior is flat.
    """
    if any(prior.kind == "flat" for prior in term.sd_priors):
        return None
    from gibbs.model import prior_draws

    drawn = prior_draws.as_written(term, prior_draws.covariance(term, np.random.default_rng(0), SIMULATED))
    words = "implied by the priors with the columns at their means"
    with np.errstate(divide="ignore", invalid="ignore"):
        if a == b:
            logs = 0.5 * np.log(drawn[:, a, a])

            def of_sd(x: np.ndarray) -> np.ndarray:
                inside = np.maximum(x, 1e-300)
                return np.where(x > 0, density.kernel(logs, np.log(inside)) / inside, 0.0)

            return Known(name, of_sd, 0.0, math.inf, words)
        turned = np.arctanh(drawn[:, a, b] / np.sqrt(drawn[:, a, a] * drawn[:, b, b]))
    turned = turned[np.isfinite(turned)]
    return Known(name, lambda x: density.kernel(turned, np.arctanh(x)) / (1.0 - x * x), -1.0, 1.0, words)


def _entry(scale, a: int, b: int) -> float:
    return float(scale[a][b]) if isinstance(scale, tuple) else float(scale) * (a == b)


def _of_correlation(term: Term, a: int, b: int, name: str) -> Known | None:
    whole, q = term.covariance, len(term.columns)
    if whole is None and (_elsewhere(term, a) or _elsewhere(term, b)):
        return _simulated(name, term, a, b)
    if whole is None:
        prior = term.correlation or Prior("lkj", (1.0,))
        return _scalar(name, prior, -1.0, 1.0, describe(prior), columns=q)
    words = f"implied by {describe(whole)}"
    if whole.kind == "huang_wand":
        return _scalar(name, Prior("lkj", (whole.args[0] / 2,)), -1.0, 1.0, words)
    df, scale = whole.args
    block = np.array([[_entry(scale, a, a), _entry(scale, a, b)], [_entry(scale, b, a), _entry(scale, b, b)]])
    return Known(name, wishart_correlation(df - q + 2, block), -1.0, 1.0, words)


def wishart_correlation(df: float, scale: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The density of the correlation of a 2 × 2 matrix from inverse-Wishart(df, scale).

    In p(Σ) ∝ |Σ|^(−(df+3)/2) exp(−tr(S Σ⁻¹)/2) put 1/sd_1 = r cos θ/√S_11 and 1/sd_2 = r sin θ/√S_22, and integrate over r:

        p(ρ) ∝ (1 − ρ²)^((df − 3)/2) ∫_0^{π/2} (sin 2θ)^(df − 1) (1 − c ρ sin 2θ)^(−df) dθ,    c = S_12/√(S_11 S_22)
    """
    from scipy import special

    c = scale[0, 1] / math.sqrt(scale[0, 0] * scale[1, 1])
    node, weight = special.roots_legendre(400)
    sine = np.sin(0.5 * math.pi * (node + 1))  # of 2θ

    def inner(rho: np.ndarray) -> np.ndarray:
        return ((1 - c * rho[:, None] * sine) ** -df * sine ** (df - 1)) @ weight

    power = (df - 3) / 2
    at, share = special.roots_jacobi(200, power, power)
    total = float(share @ inner(at))

    def density_at(x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, dtype=float)
        with np.errstate(divide="ignore"):
            return np.where(np.abs(x) < 1, np.maximum(1 - x * x, 0.0) ** power * inner(np.clip(x, -1, 1)) / total, 0.0)

    return density_at


def _effective(fit: Fit, name: str) -> float:
    """Effective sample size of a parameter: the draws that its density may be as rough as."""
    size = float(fit.summary().loc[name, "ess_bulk"])
    return size if math.isfinite(size) and size > 1 else 1.0


def window(one: Known, values: np.ndarray) -> tuple[float, float]:
    """From where to where a panel goes: the posterior with room to see the prior move; a correlation has its whole range."""
    if one.low == -1.0:
        return -1.0 + EDGE, 1.0 - EDGE
    low, high = np.quantile(values, (0.001, 0.995))
    reach = float(high - low) or abs(float(high)) or 1.0
    first = one.low if low - one.low < 1.5 * reach else float(low) - 0.6 * reach
    return first, float(high) + 0.6 * reach


def _flat(outline: Outline) -> list[str]:
    """The sds, and sigma, whose prior is flat: one without a density."""
    found = [
        names.sd_name(factor.name, column, term.group)
        for factor in outline.factors
        for term in factor.terms
        for column, prior in zip(term.columns, term.sd_priors, strict=False)
        if prior.kind == "flat"
    ]
    return found + ["sigma"] * (outline.sigma_prior is not None and outline.sigma_prior.kind == "flat")


def _of_coefficients(fit: Fit) -> list[Known]:
    """Coefficients with their priors; none where the data, of which defaults are made, are gone."""
    try:
        design = fit.design
    except OutputError:
        return []
    return coefficients(design.coefficient_priors, design.coefficients)


def draw(fit: Fit, parameters: str | Sequence[str] | None = None) -> Picture:
    """A panel a parameter: prior dashed, posterior filled."""
    from gibbs.plots import canvas

    there = {one.name: one for one in [*_of_coefficients(fit), *known(fit.outline)]}
    flat = _flat(fit.outline)
    asked = [name for name in flat if name in ([parameters] if isinstance(parameters, str) else parameters or [])]
    if asked or (flat and not there):
        asked = asked or flat
        raise PlotError(
            f"the prior of {' and '.join(asked[:3])}{' …' if len(asked) > 3 else ''} is flat: there is no density to draw beside the "
            "posterior. The kind trace shows the draws."
        )
    if not there:
        raise PlotError(
            "the model has no coefficient, sd, correlation or parameter of the family with a prior, so no prior of one to show."
        )
    own = list(there) if len(there) <= MOST else [name for name in there if not name.startswith("b_")]
    wanted = choose.parameters(fit, parameters, own or list(there))
    for name in wanted:
        if name not in there:
            raise PlotError(f"{name} is none of the parameters that this picture is about: {', '.join(there)}.")
    if len(wanted) > MOST:
        raise PlotError(f"{len(wanted)} parameters are more than one picture holds ({MOST}); choose with parameters=.")
    columns = 1 if len(wanted) == 1 else 2 if len(wanted) <= 4 else 3
    rows = -(-len(wanted) // columns)
    figure, axes = canvas.sheet(rows, columns, width={1: 5.0, 2: 6.5, 3: 8.5}[columns], height=1.2 + 1.75 * rows)
    for axis, name in zip(axes.flat, wanted, strict=False):
        one = there[name]
        values = named.values(fit.arrays, fit.outline, name).reshape(-1)
        first, last = window(one, values)
        grid = np.linspace(first, last, GRID)
        found = density.kernel(values, grid, one.low, one.high, density.bandwidth(values, _effective(fit, name)))
        axis.fill_between(grid, found, color=canvas.SKY, alpha=0.45, linewidth=0)
        axis.plot(grid, found, color=canvas.BLUE, linewidth=1.2, label="posterior")
        before = one.density(grid)
        before = np.where(np.isfinite(before), before, np.nan)
        axis.plot(grid, before, color=canvas.BLACK, linestyle=(0, (4, 2)), linewidth=1.2, label="prior")
        axis.set_ylim(0, 1.08 * max(found.max(), min(np.nanmax(before), 2 * found.max())))
        axis.set_xlim(first, last)
        axis.set_yticks([])
        axis.locator_params(axis="x", nbins=6)
        axis.spines["left"].set_visible(False)
        canvas.panel_title(axis, name)
        axis.set_xlabel("\n".join(textwrap.wrap(one.words, 50)[:3]), fontsize=7, color=canvas.GREY)
    canvas.leave_empty(axes.flat[len(wanted) :])
    note = "Densities. The prior goes on beyond each panel, which shows where the posterior is; below each: the prior in words."
    canvas.head(figure, f"Prior and posterior: {choose.name_of(fit)}", note, canvas.legend_of(axes[0, 0]))
    return figure
