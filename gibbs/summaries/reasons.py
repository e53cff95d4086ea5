"""Why a quantity is not known precisely enough, and what to try: two modes, a standard deviation at 0, two quantities that the data
hardly tell apart, a heavy tail. Each is looked for in the draws of the quantity, and what it has to do with is named.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gibbs.draws import at_means, names, tails
from gibbs.draws.names import Model
from gibbs.draws.records import Draws
from gibbs.numerals import plain

APART = 3.0
"""Standard deviations within a chain (or a mode) that the means of chains (or modes) are apart where they count as modes."""
VALLEY = 0.25
"""Height between two modes, at most, as a share of the lower of them."""
AT_ZERO = 0.2, 0.05
"""A sd is at 0 where more than the second, as a share of the draws, lie below the first times the median."""
PAIR = 0.9
"""Correlation of two quantities from which they are hardly told apart."""
MOST = 4_000
"""Draws that a correlation with thousands of others is made of."""


@dataclass(frozen=True)
class Reason:
    """What is in the way, in a sentence, and what to try, in another."""

    why: str
    attempt: str


def reason(draws: Draws, model: Model, name: str, rhat: float) -> Reason | None:
    """The reason found for ``name``, whose R-hat is given; None where its chains are slow and nothing more can be said."""
    x = _draws_of(draws, model, name)
    if x is not None and x.shape[1] >= 8:
        found = _modes(name, x, rhat)
        if found is not None:
            return found
    return _at_zero(draws, model, name) or (None if x is None else _pair(draws, model, name, x) or _tail(name, x))


# ----------------------------------------------------------------------------------------------------------------- modes


def _modes(name: str, x: np.ndarray, rhat: float) -> Reason | None:
    """Chains in different places, or each of them in two."""
    means, within = x.mean(axis=1), float(np.sqrt(np.mean(x.var(axis=1))))
    if within == 0.0 or not np.all(np.isfinite(x)):
        return None
    if rhat > 1.1 and np.ptp(means) > APART * within:
        order = np.argsort(means)
        cut = int(np.argmax(np.diff(means[order]))) + 1
        low, high = sorted(order[:cut] + 1), sorted(order[cut:] + 1)
        return Reason(
            f"the chains are in different places: {name} is about {plain(means[order[:cut]].mean(), 3)} in {_chains(low)} and "
            f"about {plain(means[order[cut:]].mean(), 3)} in {_chains(high)} (sd within a chain {plain(within, 2)}), "
            "so the posterior has more than one mode, or some chains have not left where they began.",
            "Look at gibbs plot RUN trace; a longer warm-up (--warmup) brings chains home that are on their way, and a prior that rules "
            "one of the places out settles which is meant.",
        )
    split = _two_modes(np.sort(x, axis=None))
    if split is None:
        return None
    return Reason(
        f"{name} has two modes, about {plain(split[0], 3)} and {plain(split[1], 3)}, and the chains seldom go from one to the other.",
        "A prior that rules one of them out settles which is meant; more draws (max_seconds, max_draws) weigh them against each other.",
    )


def _two_modes(x: np.ndarray) -> tuple[float, float] | None:
    """The means of two modes of the sorted draws: far apart for their widths, with a valley between them."""
    n = x.size
    counts = np.arange(1, n)
    left = np.cumsum(x)[:-1]
    between = (left / counts - (x.sum() - left) / (n - counts)) ** 2 * counts * (n - counts)
    low_end, high_end = max(n // 20, 2), n - max(n // 20, 2)
    cut = low_end + int(np.argmax(between[low_end - 1 : high_end - 1]))
    low, high = x[:cut], x[cut:]
    width = math.sqrt(0.5 * (low.var() + high.var()))
    if width == 0.0 or high.mean() - low.mean() < APART * width:
        return None
    step = (high.mean() - low.mean()) / 10.0
    near = [np.count_nonzero(np.abs(x - at) < step) for at in (low.mean(), 0.5 * (low.mean() + high.mean()), high.mean())]
    valley = min(near[1], *(np.count_nonzero(np.abs(x - low.mean() - k * step) < step) for k in (3, 4, 5, 6, 7)))
    return (float(low.mean()), float(high.mean())) if valley < VALLEY * min(near[0], near[2]) else None


def _chains(numbers: list[int]) -> str:
    words = [str(int(n)) for n in numbers]
    return f"chain {words[0]}" if len(words) == 1 else f"chains {', '.join(words[:-1])} and {words[-1]}"


# ------------------------------------------------------------------------------------------------------------ a sd at 0


def _at_zero(draws: Draws, model: Model, name: str) -> Reason | None:
    """The sd of ``name`` itself, of its factor, or of a factor that its correlation belongs to, if it is at 0."""
    for sd, factor, column in _sds_of(draws, model, name):
        values = draws.hyper[:, :, draws.hyper_names.index(sd)].ravel()
        median = float(np.median(values))
        if np.ptp(values) > 0.0 and np.mean(values < AT_ZERO[0] * median) > AT_ZERO[1]:
            what = "" if sd == name else f", on which {name} hangs,"
            return Reason(
                f"{sd}{what} is close to 0 (median {plain(median, 3)}, 95 % below {plain(np.quantile(values, 0.95), 3)}): "
                f"the data hold hardly any variation of {column} between the levels of {factor}, and chains are slow to come and go there.",
                f"Leave the term out (gibbs compare says whether predictions are worse without it), or state a prior on "
                f"sd[{factor},{column}] that has less near 0 or a lighter tail; more draws (max_seconds, max_draws) help too.",
            )
    return None


def _sds_of(draws: Draws, model: Model, name: str) -> Iterator[tuple[str, str, str]]:
    """(sd, factor, column): those that ``name`` has to do with, nearest first."""
    every = [
        (names.sd_name(f.name, c, t.group), f.name, c)
        for f in model.factors
        for t in f.terms
        for c in t.columns
        if names.sd_name(f.name, c, t.group) in draws.hyper_names
    ]
    yield from (one for one in every if one[0] == name)
    own = {f.name: names.own_name(f) for f in model.factors}
    for sd, factor, column in every:
        mine = name == own[factor] or name.startswith((f"r_{factor}[", f"cor_{factor}__", f"sd_{factor}__"))
        if sd != name and mine and (not name.startswith("r_") or name.endswith(f",{column}]")):
            yield sd, factor, column


# ---------------------------------------------------------------------------------------------------------------- pairs


def _pair(draws: Draws, model: Model, name: str, x: np.ndarray) -> Reason | None:
    """The quantity that ``name`` is most correlated with."""
    labels, values = _others(draws, model, name)
    if not labels:
        return None
    flat = np.asarray(x, dtype=float).reshape(-1)
    step = max(1, flat.size // MOST)
    a, b = flat[::step], values.reshape(-1, values.shape[2])[::step]
    a, b = a - a.mean(), b - b.mean(axis=0)
    scale = np.sqrt((a @ a) * np.einsum("sp,sp->p", b, b))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.nan_to_num((a @ b) / scale)
    i = int(np.argmax(np.abs(correlation)))
    if abs(correlation[i]) < PAIR:
        return None
    return Reason(
        f"{name} and {labels[i]} are hardly told apart by the data: their posterior correlation is {correlation[i]:.3f}, so the chains "
        "move along a narrow ridge.",
        "Centre the predictors, leave one of the two out, or state a prior on either (priors:) that says more than the data do.",
    )


def _others(draws: Draws, model: Model, name: str) -> tuple[list[str], np.ndarray]:
    """What ``name`` may be hard to tell from: coefficients, logs of sds and the like, and the averages of the effects of each factor."""
    labels = [*names.coefficient_names(model), *draws.hyper_names]
    hyper = np.array(draws.hyper)
    for k, label in enumerate(draws.hyper_names):
        if not label.startswith(("cor_", "b_")):
            hyper[:, :, k] = np.log(np.maximum(hyper[:, :, k], 1e-300))
    parts = [draws.beta, hyper]
    for factor, start in zip(model.factors, draws.u_offsets, strict=False):
        if start < 0:
            continue
        J, q = len(factor.levels), len(factor.columns)
        block = draws.whole[:, :, start : start + J * q].reshape(*draws.whole.shape[:2], J, q)
        labels += [f"the average of r_{factor.name}[*,{column}]" for column in factor.columns]
        parts.append(block.mean(axis=2))
    values = np.concatenate(parts, axis=2)
    keep = [k for k, label in enumerate(labels) if label != name and np.ptp(values[:, :, k]) > 0.0]
    return [labels[k] for k in keep], values[:, :, keep]


def _tail(name: str, x: np.ndarray) -> Reason | None:
    k = tails.pareto_k(x) if name.startswith("sd_") else math.nan
    if not k > tails.HEAVY:
        return None
    return Reason(
        f"the tail of {name} is so heavy (Pareto k {k:.2f}) that single excursions count for much.",
        "State a prior with a lighter tail on it: half_normal, or half_t with more degrees of freedom.",
    )


# ------------------------------------------------------------------------------------------------------------ the draws


def _draws_of(draws: Draws, model: Model, name: str) -> np.ndarray | None:
    """(chain, draw) of a quantity by its name; None where its draws are not kept."""
    coefficients = names.coefficient_names(model)
    if name in coefficients:
        return draws.beta[:, :, coefficients.index(name)]
    if name in draws.hyper_names:
        return draws.hyper[:, :, draws.hyper_names.index(name)]
    derived, more = at_means.values(draws.hyper, draws.hyper_names, model)
    if name in derived:
        return more[:, :, derived.index(name)]
    for factor, start in zip(model.factors, draws.u_offsets, strict=False):
        if start < 0 or not name.startswith(f"r_{factor.name}["):
            continue
        labels = [f"r_{factor.name}[{level},{column}]" for level in factor.levels for column in factor.columns]
        if name in labels:
            return draws.whole[:, :, start + labels.index(name)]
    return None
