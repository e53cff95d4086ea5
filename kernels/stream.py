"""Draws of many effects, added up one effect after the other: moments, sums of a batch, histograms that widen."""

from __future__ import annotations

from .compiling import kernel


@kernel
def add_moments(u, places, count, mean, m2, batch_sum):
    """Add the draws ``u[:, places]`` (S, U), in time, to the mean and the sum of squares about it of ``count`` draws before them.

    Welford (1962): mean ← mean + δ/n, m2 ← m2 + δ (x − mean). Mutates mean, m2 and batch_sum, (U,) each.
    """
    for j in range(places.size):
        place, average, squares, total = places[j], mean[j], m2[j], batch_sum[j]
        for s in range(u.shape[0]):
            x = u[s, place]
            step = x - average
            average += step / (count + s + 1)
            squares += step * (x - average)
            total += x
        mean[j], m2[j], batch_sum[j] = average, squares, total


@kernel
def add_to_histograms(u, places, low, width, histogram):
    """Count the draws ``u[:, places]`` (S, U) in ``histogram`` (U, B), B even: bin k of effect j is low + width·[k, k + 1).

    A draw outside doubles the width: neighbouring bins become one, and the room is added on the side of the draw. Mutates low, width,
    histogram. Draws are finite and widths positive.
    """
    bins = histogram.shape[1]
    half = bins // 2
    for j in range(places.size):
        place = places[j]
        for s in range(u.shape[0]):
            x = u[s, place]
            at = (x - low[j]) / width[j]
            while at < 0.0 or at >= bins:
                if at < 0.0:
                    for k in range(half - 1, -1, -1):
                        histogram[j, half + k] = histogram[j, 2 * k] + histogram[j, 2 * k + 1]
                    histogram[j, :half] = 0
                    low[j] -= bins * width[j]
                else:
                    for k in range(half):
                        histogram[j, k] = histogram[j, 2 * k] + histogram[j, 2 * k + 1]
                    histogram[j, half:] = 0
                width[j] *= 2.0
                at = (x - low[j]) / width[j]
            histogram[j, int(at)] += 1
