"""Draws: what the sampler hands over. Plain arrays, (chain, draw, …); names beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Draws:
    """Kept draws of every parameter, C chains, S draws a chain.

    beta : (C, S, p) coefficients as written, in the order of ``Design.coefficients``.
    hyper : (C, S, h) sds, correlations, sigma, nu, named by ``hyper_names`` in brms' names
        (``sd_g__x``, ``cor_g__a__b``, ``sigma``, ``nu``), factors in the order of the Design.
    u : (C, S, U) random effects: factor by factor, level by level, column by column
        (factor f starts at ``u_offsets[f]``; level j, column a is at ``+ j*q + a``).
    lp : (C, S) log-likelihood of the data at the draw (up to a constant), a monitored quantity.
    """

    beta: np.ndarray
    hyper: np.ndarray
    hyper_names: tuple[str, ...]
    u: np.ndarray
    u_offsets: tuple[int, ...]
    lp: np.ndarray
    warmup: int
    seconds_warmup: tuple[float, ...] = ()  # one a chain
    seconds_sampling: tuple[float, ...] = ()
    stopped: str = ""  # "", or why sampling ended before it was asked to ("interrupted", "max_seconds")
    info: Mapping[str, Any] = field(default_factory=dict)  # counters of the sampler: evaluations, acceptance
