"""Convergence diagnostics on bare arrays: rank-normalised split R-hat, bulk and tail ESS, Monte Carlo standard errors.

Arrays are (chain, draw) or (chain, draw, …); the answer has the trailing shape. The definitions are those of
Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), "Rank-normalization, folding, and localization: an improved R-hat",
and the numbers equal arviz-stats' to 1e-8 (a test). The code is our own for speed: arviz-stats loops over parameters in Python,
about 3 ms each, 20 s for the 4,114 random effects of InstEval; here blocks of parameters go through one sort and one FFT each
call, on all processors, in about a second. Importing arviz-stats also costs a second and a half, mostly scipy.stats.

Conventions where the definitions leave room:
- one chain is split into halves like any other (arviz-stats gives nan for R-hat there; R's posterior does as we do);
- a constant parameter has R-hat nan and ESS equal to the number of draws (as arviz-stats);
  chains that are each constant at different values have an R-hat of inf, or as near as rounding lets it be;
- any draw that is not finite makes every diagnostic of that parameter nan; so do fewer than 4 draws a chain;
- integers, booleans and float32 are converted to float64 first.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from gibbs.cores import usable_cores

TAIL = (0.05, 0.95)  # the quantiles whose ESS is the tail ESS
_BLOCK = 1 << 17  # numbers in a block: one megabyte, so that it stays in the cache from its sort to its FFT
_CONSTANT, _NOTHING = 1e-15, 1e-150
"""A range counts as constant that is a smaller share of the largest draw (arviz-stats: smaller itself, whatever the unit), or whose square
is no number."""


@dataclass(frozen=True)
class Diagnosis:
    """What ``diagnose`` gives: arrays of the trailing shape; ``quantiles`` has one more axis, first, one entry a probability."""

    mean: np.ndarray
    sd: np.ndarray
    quantiles: np.ndarray
    mcse_mean: np.ndarray
    ess_bulk: np.ndarray
    ess_tail: np.ndarray
    rhat: np.ndarray


def rhat(x: np.ndarray) -> np.ndarray:
    """Rank-normalised split R-hat: the larger of that of the draws and that of |draws − median|. (chain, draw, …) → (…)."""

    def of_block(block: np.ndarray, scratch: _Scratch) -> np.ndarray:
        halves = _halves(block)
        scores, ordered = _scores(halves, scratch)
        bulk = _potential_scale_reduction(*_centre(scores, scores)[1:], halves.shape[2])
        return np.fmax(bulk, _rhat_folded(halves, ordered, scratch))

    return _over_blocks(of_block, x)


def ess_bulk(x: np.ndarray) -> np.ndarray:
    """Effective sample size of the rank-normalised draws. (chain, draw, …) → (…)."""
    return _over_blocks(lambda block, scratch: _ess(_scores(_halves(block), scratch)[0], scratch), x)


def ess_tail(x: np.ndarray) -> np.ndarray:
    """The smaller effective sample size of the 5 % and 95 % quantiles. (chain, draw, …) → (…)."""
    return _over_blocks(lambda block, scratch: _ess_tail(block, np.sort(_flat(block), axis=-1), scratch), x)


def ess_quantile(x: np.ndarray, probability: float) -> np.ndarray:
    """Effective sample size of the indicator of the draws up to their quantile ``probability``. (chain, draw, …) → (…)."""
    return _over_blocks(lambda block, scratch: _ess_quantile(block, np.sort(_flat(block), axis=-1), probability, scratch), x)


def mcse_mean(x: np.ndarray) -> np.ndarray:
    """Monte Carlo standard error of the mean, in the units of the parameter. (chain, draw, …) → (…)."""
    return _over_blocks(lambda block, scratch: np.std(_flat(block), axis=-1, ddof=1) / np.sqrt(_ess(_halves(block), scratch)), x)


def mcse_sd(x: np.ndarray) -> np.ndarray:
    """Monte Carlo standard error of the standard deviation: delta method on the variance, of which (x − x̄)² are the draws.

    (chain, draw, …) → (…).
    """
    return _over_blocks(_mcse_sd, x)


def mcse_quantile(x: np.ndarray, probability: float) -> np.ndarray:
    """Monte Carlo standard error of a quantile: half the width between the order statistics one sd either side.

    ``probability`` lies strictly between 0 and 1; ValueError otherwise. (chain, draw, …) → (…).
    """
    if not 0 < probability < 1:
        raise ValueError(f"probability must lie between 0 and 1, found {probability}")
    return _over_blocks(lambda block, scratch: _mcse_quantile(block, probability, scratch), x)


def diagnose(x: np.ndarray, probabilities: Sequence[float] = (0.025, 0.5, 0.975), *, mcse: bool = True) -> Diagnosis:
    """Everything a summary table needs, from one sort of the draws. (chain, draw, …) → arrays of shape (…).

    Unlike the single functions it also gives mean, sd and quantiles where there are fewer than 4 draws a chain;
    a constant parameter has sd exactly 0. ``mcse=False`` saves a tenth of the time and leaves ``mcse_mean`` nan.
    """
    rows = _over_blocks(
        lambda block, scratch: _diagnose(block, probabilities, mcse, scratch), x, outputs=6 + len(probabilities), needs_draws=1
    )
    return Diagnosis(rows[0], rows[1], rows[6:], rows[2], rows[3], rows[4], rows[5])


# ------------------------------------------------------------------------------------------------ blocks of parameters


class _Scratch:
    """Named buffers that one thread uses again for every block: fresh pages from the system would cost more than the arithmetic."""

    def __init__(self) -> None:
        self._buffers: dict[str, np.ndarray] = {}

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A float64 array of this shape with whatever was in it."""
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size)
        return buffer[:size].reshape(shape)


def _over_blocks(
    function: Callable[[np.ndarray, _Scratch], np.ndarray], x: np.ndarray, outputs: int = 0, needs_draws: int = 4
) -> np.ndarray:
    """Apply ``function`` ((parameter, chain, draw) → (parameter,) or (outputs, parameter)) to blocks of parameters, in threads.

    NumPy's sorts and FFTs release the lock of the interpreter. A block's answer depends on nothing but the block, so the
    number of threads never changes a number.
    """
    x = np.asarray(x)
    if x.ndim == 1:
        x = x[None, :]
    chains, draws, shape = x.shape[0], x.shape[1], x.shape[2:]
    x = x.reshape(chains, draws, math.prod(shape))
    parameters = x.shape[2]
    answer = np.full((outputs, parameters) if outputs else parameters, np.nan)
    if draws >= needs_draws and chains > 0:
        step = max(1, _BLOCK // (chains * draws))
        starts = range(0, parameters, step)
        threads = min(len(starts), usable_cores())

        stop = threading.Event()

        def work(first: int) -> None:
            scratch = _Scratch()
            for start in starts[first::threads]:
                if stop.is_set():
                    return
                part = x[:, :, start : start + step].transpose(2, 0, 1)
                block = scratch.take("block", part.shape)
                block[...] = part
                finite = np.isfinite(block).all(axis=(1, 2))
                if not finite.all():
                    block = block[finite]
                if len(block):
                    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                        answer[..., start : start + step][..., finite] = function(block, scratch)

        if threads > 1:
            pool = ThreadPoolExecutor(threads)
            try:
                list(pool.map(work, range(threads)))
            except BaseException:  # Ctrl-C: each thread ends after the block it is at, and nobody waits for it
                stop.set()
                raise
            finally:
                pool.shutdown(wait=not stop.is_set())
        elif threads == 1:
            work(0)
    return answer.reshape(answer.shape[:-1] + shape) if shape or outputs else answer.reshape(())[()]


def _flat(block: np.ndarray) -> np.ndarray:
    return block.reshape(len(block), -1)


def _halves(block: np.ndarray) -> np.ndarray:
    """(parameter, chain, draw) → (parameter, 2 chains, draw // 2); the middle draw of an odd number is left out."""
    half = block.shape[2] // 2
    if 2 * half == block.shape[2]:
        return block.reshape(len(block), -1, half)
    return np.concatenate((block[:, :, :half], block[:, :, -half:]), axis=1)


def _diagnose(block: np.ndarray, probabilities: Sequence[float], mcse: bool, scratch: _Scratch) -> np.ndarray:
    flat = _flat(block)
    ordered = scratch.take("ordered", flat.shape)
    ordered[...] = flat
    ordered.sort(axis=-1)
    constant = ordered[:, 0] == ordered[:, -1]
    quantiles = [_quantile(ordered, p) for p in probabilities]
    _, mean, squares = _centre(flat[:, None, :], scratch.take("centred", (len(flat), 1, flat.shape[1])))
    sd = np.where(constant, 0.0, np.sqrt(squares[:, 0] / max(1, flat.shape[1] - 1)))
    mean = np.where(constant, ordered[:, 0], mean[:, 0])
    if block.shape[2] < 4:
        nothing = np.full(len(block), np.nan)
        return np.stack([mean, sd, nothing, nothing, nothing, nothing, *quantiles])
    halves = _halves(block)
    tail = _ess_tail(block, ordered, scratch)
    error = sd / np.sqrt(_ess(halves, scratch)) if mcse else np.full(len(block), np.nan)
    scores, split_ordered = _scores(halves, scratch)
    bulk, reduction = _ess_and_reduction(scores, scratch)
    return np.stack([mean, sd, error, bulk, tail, np.fmax(reduction, _rhat_folded(halves, split_ordered, scratch)), *quantiles])


# ------------------------------------------------------------------------------------------------------ ranks and scores


@lru_cache(maxsize=8)
def _score_table(count: int) -> np.ndarray:
    """Normal score of every rank and half rank: entry k is Φ⁻¹((k/2 + 1 − 3/8)/(count + 1/4)), k = 0 … 2 count − 2 (Blom 1958)."""
    rank = 1 + np.arange(2 * count - 1) / 2
    table = _normal_quantiles((rank - 3 / 8) / (count - 2 * (3 / 8) + 1))
    table.flags.writeable = False
    return table


_FEW = 100_000
"""Probabilities up to which the standard library is faster than importing scipy.special, which takes 60 ms."""


def _normal_quantiles(probabilities: np.ndarray) -> np.ndarray:
    """Φ⁻¹ of (k,) probabilities strictly between 0 and 1; the standard library's and scipy's agree to some units of the last place."""
    if len(probabilities) <= _FEW:
        return np.fromiter(map(NormalDist().inv_cdf, probabilities.tolist()), np.float64, len(probabilities))
    from scipy.special import ndtri

    return ndtri(probabilities)


def _scores(halves: np.ndarray, scratch: _Scratch) -> tuple[np.ndarray, np.ndarray]:
    """Rank-normalise each parameter over all its chains; ties share their mean rank. Also the sorted values, (parameter, count)."""
    flat = _flat(halves)
    table = _score_table(flat.shape[1])
    untied = table[::2]
    ordered = scratch.take("split_ordered", flat.shape)
    ordered[...] = flat
    ordered.sort(axis=-1)
    scores = scratch.take("scores", flat.shape)
    for row, values, sorted_values in zip(scores, flat, ordered, strict=True):  # row by row: a small argsort reuses its memory
        order = np.argsort(values)
        row[order] = untied
        equal = sorted_values[1:] == sorted_values[:-1]
        if equal.any():
            _share_ranks(row, order, np.flatnonzero(equal), table)
    return scores.reshape(halves.shape), ordered


def _share_ranks(scores: np.ndarray, order: np.ndarray, tied: np.ndarray, table: np.ndarray) -> None:
    """Give the mean rank to ties: ``tied`` are the sorted places whose value equals the next one's."""
    gap = tied[1:] - tied[:-1] > 1
    if gap.all():  # pairs only: the usual case, the two draws either side of the median having the same distance from it
        scores[order[tied]] = scores[order[tied + 1]] = table[2 * tied + 1]
        return
    first = tied[np.concatenate(([True], gap))]
    last = tied[np.concatenate((gap, [True]))] + 1
    lengths = last - first + 1
    places = np.arange(lengths.sum()) + np.repeat(first - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    scores[order[places]] = np.repeat(table[first + last], lengths)


def _quantile(ordered: np.ndarray, probability: float) -> np.ndarray:
    """Quantile of sorted rows by linear interpolation (Hyndman and Fan's type 7; NumPy's default, to the last bit)."""
    position = probability * (ordered.shape[1] - 1)
    low = int(position)
    high = min(low + 1, ordered.shape[1] - 1)
    weight = position - low
    a, b = ordered[:, low], ordered[:, high]
    return b - (b - a) * (1 - weight) if weight >= 0.5 else a + (b - a) * weight


# ----------------------------------------------------------------------------------------------------------------- R-hat


def _centre(chains: np.ndarray, out: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Remove chain means: (parameter, chain, draw) → the centred draws in ``out``, the means and the sums of squares (parameter, chain)."""
    means = chains.mean(axis=2)
    np.subtract(chains, means[:, :, None], out=out)
    return out, means, np.vecdot(out, out)


def _potential_scale_reduction(means: np.ndarray, squares: np.ndarray, draws: int) -> np.ndarray:
    """sqrt((B/W + n − 1)/n), B and W the variances between and within chains."""
    between = draws * np.var(means, axis=1, ddof=1)
    within = squares.mean(axis=1) / (draws - 1)
    return np.sqrt((between / within + draws - 1) / draws)


def _rhat_folded(halves: np.ndarray, ordered: np.ndarray, scratch: _Scratch) -> np.ndarray:
    """Of |draws − median|; ``ordered`` are the sorted draws. Overwrites the buffers of ``_scores``."""
    count = ordered.shape[1]
    median = (ordered[:, (count - 1) // 2] + ordered[:, count // 2]) / 2
    folded = scratch.take("folded", halves.shape)
    np.subtract(halves, median[:, None, None], out=folded)
    np.abs(folded, out=folded)
    scores, _ = _scores(folded, scratch)
    return _potential_scale_reduction(*_centre(scores, scores)[1:], halves.shape[2])


# ------------------------------------------------------------------------------------------------- effective sample size


_STAGES = (8, 24, 64)  # lags summed directly before the FFT takes over: a direct lag costs a sixtieth of the transforms


@lru_cache(maxsize=64)
def _fast_length(least: int) -> int:
    """The smallest 2^a 3^b 5^c that is not below ``least``: a length the FFT is quick at."""
    best, fives = 1 << (least - 1).bit_length(), 1
    while fives < best:
        threes = fives
        while threes < best:
            length = threes
            while length < least:
                length *= 2
            best = min(best, length)
            threes *= 3
        fives *= 5
    return best


def _mean_autocovariance(centred: np.ndarray, lags: int) -> np.ndarray:
    """Autocovariance at lags 0 … lags − 1, averaged over chains: (parameter, chain, n), chain means removed → (parameter, lags)."""
    chains, draws = centred.shape[1:]
    if lags <= _STAGES[-1]:
        products = np.empty((lags, len(centred), chains))
        for lag in range(lags):
            np.vecdot(centred[:, :, lag:], centred[:, :, : draws - lag], out=products[lag])
        return products.mean(axis=2).T / draws
    length = _fast_length(2 * draws)
    spectrum = np.fft.rfft(centred, n=length, axis=2)
    power = np.square(spectrum.real)
    power += np.square(spectrum.imag)  # averaged over chains before the one inverse transform a parameter
    return np.fft.irfft(power.mean(axis=1), n=length, axis=1)[:, :lags] / draws


def _ess(chains: np.ndarray, scratch: _Scratch) -> np.ndarray:
    return _ess_and_reduction(chains, scratch)[0]


def _ess_and_reduction(chains: np.ndarray, scratch: _Scratch) -> tuple[np.ndarray, np.ndarray]:
    """Effective sample size of the mean of (parameter, chain, draw), by Geyer's initial positive monotone sequence (1992, §3.3),
    and R-hat of the same chains, which needs the same means and variances.

    Chains that mix well need few lags, so lags are computed in stages, each only for the parameters whose sequence is still positive.
    """
    parameters, chain_count, draws = chains.shape
    size = chain_count * draws
    answer = np.full(parameters, float(size))
    flat = _flat(chains)
    low, high = flat.min(axis=1), flat.max(axis=1)
    constant = high - low <= np.maximum(_CONSTANT * np.maximum(high, -low), _NOTHING)
    centred, means, squares = _centre(chains, scratch.take("centred", chains.shape))
    reduction = _potential_scale_reduction(means, squares, draws) if chain_count > 1 else np.full(parameters, np.nan)
    between = np.var(means, axis=1, ddof=1) if chain_count > 1 else np.zeros(parameters)
    todo = np.arange(parameters)
    all_lags = 2 * max(1, (draws - 1) // 2)  # as many pairs as arviz-stats and posterior look at
    for lags in (*(stage for stage in _STAGES if stage < all_lags), all_lags):
        covariance = _mean_autocovariance(centred, lags)
        within = covariance[:, 0] * draws / (draws - 1.0)
        correlation = 1.0 - (within[:, None] - covariance) / (covariance[:, 0] + between)[:, None]
        correlation[:, 0] = 1.0
        time, finished = _integrated_time(correlation, whole=lags == all_lags)
        # antithetic chains: the answer is never above size · log10(size)
        answer[todo[finished]] = size / np.maximum(time[finished], 1 / np.log10(size))
        if finished.all():
            break
        todo, centred, between = todo[~finished], centred[~finished], between[~finished]
    answer[constant] = size
    return answer, reduction


def _integrated_time(correlation: np.ndarray, whole: bool) -> tuple[np.ndarray, np.ndarray]:
    """Integrated autocorrelation time from (parameter, lag) correlations, and whether the positive sequence ended among them.

    Sums ρ_2k + ρ_2k+1 are kept while positive and made monotone; the even lag after them is added once if positive.
    ``whole``: these are all lags there are, so that the last pair ends the sequence.
    """
    even = correlation[:, 0::2]
    pairs = even + correlation[:, 1::2]
    ends = pairs <= 0
    finished = ends.any(axis=1)
    if whole:
        ends[:, -1] = True
        finished[:] = True
    last = ends.argmax(axis=1)
    kept = np.arange(pairs.shape[1]) < last[:, None]
    rows = np.arange(len(pairs))
    remainder = np.where(pairs[rows, last] >= 0, even[rows, last], np.maximum(even[rows, last], 0.0))
    monotone = np.minimum.accumulate(pairs, axis=1)
    time = -1.0 + 2.0 * np.where(kept, monotone, 0.0).sum(axis=1) + np.where(last == 0, 1.0, remainder)
    return time, finished


def _ess_quantile(block: np.ndarray, ordered: np.ndarray, probability: float, scratch: _Scratch) -> np.ndarray:
    below = scratch.take("below", block.shape)
    np.less_equal(block, _quantile(ordered, probability)[:, None, None], out=below)
    return _ess(_halves(below), scratch)


def _ess_tail(block: np.ndarray, ordered: np.ndarray, scratch: _Scratch) -> np.ndarray:
    return np.minimum(*(_ess_quantile(block, ordered, probability, scratch) for probability in TAIL))


# -------------------------------------------------------------------------------------------- Monte Carlo standard errors


def _mcse_sd(block: np.ndarray, scratch: _Scratch) -> np.ndarray:
    flat = _flat(block)
    squares = np.square(flat - flat.mean(axis=1, keepdims=True))
    variance = squares.mean(axis=1)
    effective = _ess(_halves(squares.reshape(block.shape)), scratch)
    variance_of_variance = (np.square(squares).mean(axis=1) - variance**2) / effective
    return np.sqrt(variance_of_variance / variance / 4)


def _mcse_quantile(block: np.ndarray, probability: float, scratch: _Scratch) -> np.ndarray:
    from scipy.special import betaincinv

    ordered = np.sort(_flat(block), axis=-1)
    size = ordered.shape[1]
    effective = _ess_quantile(block, ordered, probability, scratch)
    one_sd = np.array([[0.1586553], [0.8413447]])
    position = betaincinv(effective * probability + 1, effective * (1 - probability) + 1, one_sd) * size - 1
    low = np.floor(np.fmax(position[0], 0)).astype(np.int64)
    high = np.ceil(np.fmin(position[1], size - 1)).astype(np.int64)
    rows = np.arange(len(ordered))
    return (ordered[rows, high] - ordered[rows, low]) / 2
