"""Effects summarised as they are drawn, for factors too large to store: what one chain adds up, and all chains together.

An effect costs some 700 bytes a chain, however many draws there are:

    moments     Welford (1962), so the mean and the sd are exact
    quantiles   a histogram of 128 bins over twice the range of the first 32 draws; a draw outside doubles the width of that effect's bins
                (neighbours are merged), so nothing is ever cut off. Quantiles interpolate in a bin: good to about 0.02 sd
    batches     means of 16 to 31 equal batches in time; two neighbours become one when there would be more. Split R-hat comes from the
                halves; ESS = n W / (b · variance of the batch means about the grand mean), b draws a batch (Flegal and Jones 2010)
    ranks       how often an effect is above the average of its column, every draw; its rank, 1 the highest, every eighth draw

Draws are added one after the other (``kernels/stream.py``): nothing depends on how a run is cut into chunks.
"""

from __future__ import annotations

import numpy as np

from gibbs.draws.records import STREAMED_PROBABILITIES, Streamed
from gibbs.kernels.stream import add_moments, add_to_histograms

BINS = 128
START = 32
"""Draws that the first range of the histogram is taken from."""
BATCHES = 16
RANK_EVERY = 8
BYTES = 8 * 8 + 4 * BINS + 4 * (2 * BATCHES - 1) + 4
"""Of one effect in one chain, about."""
_BISECTIONS = 26
BLOCK = 1 << 14
"""Effects that are summarised at a time, so that what that needs beside the sums is some 70 MB with four chains, however many there are."""
_ARRAYS = ("mean", "m2", "batch_sum", "above", "rank_sum", "low", "width", "histogram")
_NUMBERS = ("count", "ranked", "batch", "in_batch")


class Stream:
    """What one chain has seen of some effects. ``blocks``: (first place, levels, columns) of each factor among them."""

    def __init__(self, places: np.ndarray, blocks: tuple[tuple[int, int, int], ...]) -> None:
        U = len(places)
        self.places, self.blocks = places, blocks
        self.count = self.ranked = 0
        self.mean, self.m2 = np.zeros(U), np.zeros(U)
        self.batch, self.in_batch, self.batch_sum = 1, 0, np.zeros(U)
        self.batches: list[np.ndarray] = []  # (U,) float32 each
        self.above, self.rank_sum = np.zeros(U, dtype=np.uint32), np.zeros(U)
        self.first: list[np.ndarray] = []  # the first draws, until the histogram has its range
        self.low, self.width = np.zeros(U), np.ones(U)
        self.histogram = np.zeros((0, BINS), dtype=np.uint32)

    def add(self, u: np.ndarray) -> None:
        """Draws (sweeps, all effects of the model), in time. The histograms take them together, for they are large to pass over."""
        binned = max(0, START - self.count)  # the draws before are counted when the histograms have their range
        done = 0
        while done < len(u):
            stop = min(len(u), done + self.batch - self.in_batch)
            if self.count < START:
                stop = min(stop, done + START - self.count)
            self._add(u[done:stop])
            done = stop
        if binned < len(u):
            add_to_histograms(u[binned:], self.places, self.low, self.width, self.histogram)

    def _add(self, rows: np.ndarray) -> None:
        """Draws of one batch, or the end of one."""
        add_moments(rows, self.places, self.count, self.mean, self.m2, self.batch_sum)
        if not self.histogram.size:
            self.first.append(rows[:, self.places])
        for row in rows:
            self._rank(row[self.places])
            self.count += 1
        if self.count == START:
            self._open()
        self.in_batch += len(rows)
        if self.in_batch == self.batch:
            self._end_batch()

    def _rank(self, row: np.ndarray) -> None:
        now = self.count % RANK_EVERY == 0
        for start, levels, columns in self.blocks:
            part = slice(start, start + levels * columns)
            values = row[part].reshape(levels, columns)
            self.above[part] += (values > values.mean(axis=0)).reshape(-1)
            if now:
                for a in range(columns):
                    order = np.argsort(values[:, a])
                    self.rank_sum[start + a + order * columns] += np.arange(levels, 0.0, -1.0)
        self.ranked += now

    def _end_batch(self) -> None:
        self.batches.append((self.batch_sum / self.batch).astype(np.float32))
        self.batch_sum[:] = 0.0
        self.in_batch = 0
        if len(self.batches) == 2 * BATCHES:
            self.batches = _paired(self.batches)
            self.batch *= 2

    def _open(self) -> None:
        """Give the histogram its range: twice that of the first draws, about their middle."""
        first = np.ascontiguousarray(np.concatenate(self.first))
        low, high = first.min(axis=0), first.max(axis=0)
        span = np.maximum(high - low, 1e-12 * np.maximum(np.abs(high), np.abs(low)) + 1e-290)
        self.low, self.width = low - 0.5 * span, 2.0 * span / BINS
        self.histogram = np.zeros((len(low), BINS), dtype=np.uint32)
        add_to_histograms(first, np.arange(len(low)), self.low, self.width, self.histogram)
        self.first = []

    def parts(self) -> dict[str, np.ndarray]:
        """A copy of all that was added up, as arrays."""
        U = len(self.mean)
        copies = {name: getattr(self, name).copy() for name in _ARRAYS}
        copies["numbers"] = np.array([getattr(self, name) for name in _NUMBERS], dtype=np.int64)
        copies["batches"] = np.array(self.batches, dtype=np.float32).reshape(-1, U)
        copies["first"] = np.concatenate([*self.first, np.zeros((0, U))])
        return copies

    def put(self, parts: dict[str, np.ndarray]) -> None:
        """What ``parts`` of a stream of the same effects gave. ValueError: they are of others."""
        if parts["mean"].shape != self.mean.shape:
            raise ValueError(f"{parts['mean'].size} effects, not {self.mean.size}")
        for name in _ARRAYS:
            setattr(self, name, parts[name].copy())
        for name, value in zip(_NUMBERS, parts["numbers"].tolist(), strict=True):
            setattr(self, name, value)
        self.batches = [batch.copy() for batch in parts["batches"]]
        self.first = [parts["first"].copy()] if len(parts["first"]) else []

    def close(self) -> None:
        """After the last draw: a short chain's histogram is made of what there is."""
        if self.first and not self.histogram.size:
            self._open()


def _paired(batches: list[np.ndarray]) -> list[np.ndarray]:
    return [0.5 * (a + b) for a, b in zip(batches[::2], batches[1::2], strict=False)]


def diagnose(streams: list[Stream]) -> tuple[np.ndarray, np.ndarray]:
    """(R-hat, ESS) of every effect, (U,) each; nan with fewer than four batches, and for an effect that never moved."""
    size = max(s.batch for s in streams)
    parts = []
    for s in streams:
        batches, b = list(s.batches), s.batch
        while b < size:
            batches, b = _paired(batches), 2 * b
        parts.append(batches)
    count = min(len(p) for p in parts)
    U = len(streams[0].mean)
    rhat, ess = np.full(U, np.nan), np.full(U, np.nan)
    if count >= 4:
        for first in range(0, U, BLOCK):
            part = slice(first, first + BLOCK)
            means = np.stack([np.stack([batch[part] for batch in p[:count]]) for p in parts]).astype(np.float64)  # (C, B, some)
            rhat[part], ess[part] = _by_batches(means, np.stack([s.m2[part] for s in streams]), [s.count for s in streams], size)
    return rhat, ess


def _by_batches(means: np.ndarray, m2: np.ndarray, counts: list[int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """(R-hat, ESS) of (chain, batch, effect) means of batches of ``size`` draws and (chain, effect) sums of squares of ``counts`` draws."""
    count = means.shape[1]
    half = count // 2
    n = half * size
    halves = np.stack([means[:, :half].mean(axis=1), means[:, count - half :].mean(axis=1)], axis=1)  # (C, 2, U)
    apart = 0.5 * n * (halves[:, 1] - halves[:, 0]) ** 2
    total = m2 * (2.0 * n / np.array(counts)[:, None])
    within = np.maximum(np.mean(total - apart, axis=0) / max(2 * n - 2, 1), 0.0)
    between = halves.reshape(-1, means.shape[2]).var(axis=0, ddof=1)
    grand = means.mean(axis=(0, 1))
    long_run = size * ((means - grand) ** 2).sum(axis=(0, 1)) / (means.shape[0] * count - 1)
    moved = m2.sum(axis=0) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        rhat = np.sqrt((n - 1) / n + between / within)
        ess = means.shape[0] * count * size * np.minimum(within / long_run, 1.0)
    return np.where(moved, rhat, np.nan), np.where(moved, ess, np.nan)


def summarise(streams: list[Stream]) -> tuple[Streamed, ...]:
    """All chains together, one summary a factor. Chains that are longer (a run that was interrupted) count with all their draws."""
    for s in streams:
        s.close()
    total = sum(s.count for s in streams)
    mean = sum(s.count * s.mean for s in streams) / total
    m2 = sum(s.m2 + s.count * (s.mean - mean) ** 2 for s in streams)
    rhat, ess = diagnose(streams)
    made = {
        "mean": mean,
        "sd": np.sqrt(m2 / max(total - 1, 1)),
        "above": sum(s.above.astype(float) for s in streams) / total,
        "rank": sum(s.rank_sum for s in streams) / sum(s.ranked for s in streams),
        "rhat": rhat,
        "ess": ess,
    }
    U = len(mean)
    quantiles = np.concatenate([_quantiles(streams, total, slice(first, first + BLOCK)) for first in range(0, max(U, 1), BLOCK)], axis=1)
    found = []
    for start, levels, columns in streams[0].blocks:
        part = slice(start, start + levels * columns)
        shaped = {name: values[part].reshape(levels, columns) for name, values in made.items()}
        found.append(Streamed(quantiles=quantiles[:, part].reshape(-1, levels, columns), **shaped))
    return tuple(found)


def _quantiles(streams: list[Stream], total: int, part: slice) -> np.ndarray:
    """(5, effects of ``part``): the roots of the chains' common distribution function, by bisection."""
    lows, widths = [s.low[part] for s in streams], [s.width[part] for s in streams]
    below = [np.cumsum(s.histogram[part], axis=1, dtype=np.float64) for s in streams]
    below = [np.concatenate([np.zeros((len(b), 1)), b], axis=1) for b in below]
    every = np.arange(len(lows[0]))

    def share(x: np.ndarray) -> np.ndarray:
        found = np.zeros(len(x))
        for start, width, cumulated in zip(lows, widths, below, strict=True):
            place = np.clip((x - start) / width, 0.0, BINS)
            left = np.minimum(place.astype(np.int64), BINS - 1)
            under = cumulated[every, left]
            found += under + (place - left) * (cumulated[every, left + 1] - under)
        return found / total

    lowest = np.min(lows, axis=0)
    highest = np.max([low + BINS * width for low, width in zip(lows, widths, strict=True)], axis=0)
    made = np.empty((len(STREAMED_PROBABILITIES), len(lowest)))
    for k, probability in enumerate(STREAMED_PROBABILITIES):
        low, high = lowest.copy(), highest.copy()
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            under = share(middle) < probability
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        made[k] = 0.5 * (low + high)
    return made
